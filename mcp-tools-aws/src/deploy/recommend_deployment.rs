use std::fmt::Write as _;

use chrono::Utc;
use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use rust_decimal::prelude::ToPrimitive as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    DeploymentCost, Impossible, PriceBook, Prices, Target, Workload,
    estimate_deployment_cost::estimate, traits::Traits,
};
use crate::Usd;

/// What Lambda's `/tmp` holds at most, in MB.
const LARGEST_TMP_MB: u32 = 10_240;

/// Recommends where on AWS to run a server, and explains why.
///
/// Ranks the places of estimate_deployment_cost by cost, difficulty, maintainability and reliability,
/// rules out what cannot meet the needs (connections, sessions, long calls, WebSocket, files), and
/// says what speaks for and against each. A server of MCP 2026-07-28 needs neither persistent
/// connections nor sessions: ask for them only if clients of older revisions or your own code do.
/// Costs are list prices; the other scores are judgements, stated as such. Nothing is asked of AWS.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Deployment advice",
    aliases = ["recommend-deployment"],
    read_only,
    idempotent,
    open_world = false
)]
pub struct RecommendDeployment {
    #[serde(flatten)]
    #[allow(missing_docs, reason = "its fields are arguments")]
    pub workload: Workload,
    /// What matters most.
    #[serde(default)]
    pub priority: Priority,
    /// Who looks after the server.
    #[serde(default)]
    pub operations: Operations,
    /// Whether clients hold connections open: server-sent event streams for minutes and more.
    #[serde(default)]
    pub persistent_connections: bool,
    /// Whether the server keeps sessions in its own memory between requests.
    #[serde(default)]
    pub stateful_sessions: bool,
    /// Whether clients connect over WebSocket.
    #[serde(default)]
    pub websocket: bool,
    /// How much local disk the server needs while it works, in MB.
    #[serde(default)]
    pub local_files_mb: u32,
    /// Whether local files must outlive the process.
    #[serde(default)]
    pub durable_files: bool,
    /// Whether a Kubernetes cluster is run anyway.
    #[serde(default)]
    pub existing_kubernetes: bool,
    /// The most that a month may cost, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub budget_usd: Option<f64>,
}

/// What matters most when places are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Cost, ease, maintainability and reliability alike.
    #[default]
    Balanced,
    /// Three times as much as the others: cost.
    Cost,
    /// Three times as much as the others: ease and maintainability.
    Simplicity,
    /// Three times as much as the others: reliability.
    Reliability,
}

/// Who looks after the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operations {
    /// Nobody in particular.
    #[default]
    Nobody,
    /// People who know containers.
    Containers,
    /// A platform team.
    PlatformTeam,
}

/// Where to run a server, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentRecommendation {
    /// The best place, if any can do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommended: Option<Target>,
    /// All places that can do it, the best first.
    pub ranking: Vec<RankedDeployment>,
    /// The places that cannot.
    pub impossible: Vec<Impossible>,
    /// The day on which the oldest of the prices was last checked, as yyyy-mm-dd.
    pub prices_as_of: String,
    /// What to know about the prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// How well a place fits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RankedDeployment {
    /// The place.
    pub target: Target,
    /// The place's name for people.
    pub name: String,
    /// The weighted mean of the four scores, from 1 to 5.
    pub score: f64,
    /// A month at list prices without free tiers, in US dollars.
    pub monthly_usd: Usd,
    /// 5 for the cheapest place, one less for each doubling, 1 at least.
    pub cost: f64,
    /// How easy it is to set up, from 1 to 5: a judgement.
    pub ease: u8,
    /// How little there is to look after, from 1 to 5: a judgement.
    pub maintainability: u8,
    /// How reliable it is, from 1 to 5: a judgement on the service level agreement.
    pub reliability: u8,
    /// What speaks for and against it.
    pub reasons: Vec<String>,
    /// Whether it costs more than the budget; such places are ranked last.
    pub over_budget: bool,
}

impl Call<PriceBook> for RecommendDeployment {
    type Output = WithText<DeploymentRecommendation>;

    async fn call(self, prices: &PriceBook, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let prices = &*prices.current();
        let recommendation = self.recommend(prices)?;
        let text = recommendation.to_text();
        Ok(WithText::new(recommendation, text))
    }
}

impl RecommendDeployment {
    fn recommend(&self, prices: &Prices) -> ToolResult<DeploymentRecommendation> {
        let costs = estimate(&self.workload, prices, Utc::now().date_naive())?;
        let mut impossible = costs.impossible;
        let mut possible = Vec::new();
        for option in costs.options {
            match self.rules_out(option.target) {
                Some(reason) => {
                    impossible
                        .push(Impossible { target: option.target, reason: reason.to_owned() });
                }
                None => possible.push(option),
            }
        }
        let cheapest = possible.first().map_or(Usd::ZERO, |option| option.monthly_usd);
        let mut ranking: Vec<RankedDeployment> =
            possible.into_iter().map(|option| self.rank(option, cheapest)).collect();
        ranking.sort_by(|a, b| {
            a.over_budget
                .cmp(&b.over_budget)
                .then(b.score.total_cmp(&a.score))
                .then(a.monthly_usd.cmp(&b.monthly_usd))
        });
        Ok(DeploymentRecommendation {
            recommended: ranking.first().map(|best| best.target),
            ranking,
            impossible,
            prices_as_of: costs.prices_as_of,
            warning: costs.warning,
        })
    }

    /// Why a place cannot meet a need.
    fn rules_out(&self, target: Target) -> Option<&'static str> {
        let ephemeral = target.is_ephemeral();
        if self.websocket && ephemeral && target != Target::LambdaWebSocketApi {
            return Some("WebSocket clients need the WebSocket API in front of Lambda");
        }
        if !self.websocket && target == Target::LambdaWebSocketApi {
            return Some("it serves WebSocket clients only");
        }
        if self.persistent_connections && ephemeral && !self.websocket {
            return Some("a stream is open, and billed, only as long as one invocation");
        }
        if self.stateful_sessions && ephemeral {
            return Some(
                "each execution environment has its own memory: put sessions into a shared store, \
                 and then do not ask for stateful sessions",
            );
        }
        if ephemeral && self.local_files_mb > LARGEST_TMP_MB {
            return Some("`/tmp` has 10,240 MB at most");
        }
        if self.durable_files && (ephemeral || target == Target::AgentCore) {
            return Some("local files are gone with the process");
        }
        None
    }

    fn rank(&self, option: DeploymentCost, cheapest: Usd) -> RankedDeployment {
        let mut traits = option.target.traits();
        let mut reasons = self.adjust(option.target, &mut traits);
        let cost = cost_score(option.monthly_usd, cheapest);
        let weights = match self.priority {
            Priority::Balanced => [1.0, 1.0, 1.0, 1.0],
            Priority::Cost => [3.0, 1.0, 1.0, 1.0],
            Priority::Simplicity => [1.0, 3.0, 3.0, 1.0],
            Priority::Reliability => [1.0, 1.0, 1.0, 3.0],
        };
        let Traits { ease, maintainability, reliability, .. } = traits;
        let scores = [cost, ease.into(), maintainability.into(), reliability.into()];
        let sum: f64 = scores.iter().zip(weights).map(|(score, weight)| score * weight).sum();
        let score = sum / weights.iter().sum::<f64>();
        let budget = self.budget_usd.map(super::workload::decimal);
        let over_budget = budget.is_some_and(|budget| option.monthly_usd.amount() > budget);
        if over_budget {
            reasons.push("costs more than the budget".to_owned());
        }
        RankedDeployment {
            target: option.target,
            name: option.name,
            score: (score * 100.0).round() / 100.0,
            monthly_usd: option.monthly_usd,
            cost: (cost * 100.0).round() / 100.0,
            ease,
            maintainability,
            reliability,
            reasons,
            over_budget,
        }
    }

    /// Fits what a place is like to who asks. Returns what speaks for and against it.
    fn adjust(&self, target: Target, traits: &mut Traits) -> Vec<String> {
        let mut reasons = vec![format!("service level agreement: {}", traits.agreement)];
        let mut because = |reason: &str| reasons.push(reason.to_owned());
        let shift = |score: &mut u8, by| *score = score.saturating_add_signed(by).clamp(1, 5);
        match (target, self.operations) {
            (Target::Eks, Operations::PlatformTeam) => {
                shift(&mut traits.maintainability, 1);
                because("a platform team runs the cluster");
            }
            (Target::Eks, Operations::Nobody) => {
                shift(&mut traits.maintainability, -1);
                because("nobody is there for the cluster's upgrades");
            }
            (Target::EcsOnEc2 | Target::Ec2, Operations::Nobody) => {
                shift(&mut traits.maintainability, -1);
                because("nobody is there to patch instances");
            }
            _ => {}
        }
        if target == Target::Eks && self.existing_kubernetes {
            shift(&mut traits.ease, 3);
            shift(&mut traits.maintainability, 1);
            because("the cluster is there already, and its hours are paid for");
        }
        if target.is_lambda() {
            because(match self.workload.provisioned_concurrency {
                0 => "a request that meets no warm environment waits for a cold start",
                _ => "provisioned concurrency avoids most cold starts",
            });
            because("costs nothing while nothing is asked");
        }
        if self.stateful_sessions && !matches!(target, Target::Ec2 | Target::AgentCore) {
            shift(&mut traits.reliability, -1);
            because("sessions in memory need sticky routing, and are lost with their task");
        }
        if self.durable_files {
            because(match target {
                Target::Ec2 => "files are kept on the instance's disk",
                _ => "files that outlive a task need a shared file system (EFS)",
            });
        }
        reasons
    }
}

/// 5 for the cheapest, one less for each doubling.
fn cost_score(cost: Usd, cheapest: Usd) -> f64 {
    if cost == cheapest {
        return 5.0;
    }
    let times = cost.amount().checked_div(cheapest.amount());
    let doublings = times.and_then(|times| times.to_f64()).unwrap_or(f64::MAX).log2();
    (5.0 - doublings).clamp(1.0, 5.0)
}

impl DeploymentRecommendation {
    fn to_text(&self) -> String {
        let mut text = match self.ranking.first() {
            Some(best) => format!("Recommended: {} at {} a month.", best.name, best.monthly_usd),
            None => "No place meets all the needs.".to_owned(),
        };
        // Writing to a string does not fail.
        for (place, option) in (1..).zip(&self.ranking) {
            let RankedDeployment { name, score, monthly_usd, cost, .. } = option;
            let _ = write!(
                text,
                "\n{place}. {name}: {score} of 5, {monthly_usd} a month (cost {cost}, ease {}, \
                 maintainability {}, reliability {}); {}.",
                option.ease,
                option.maintainability,
                option.reliability,
                option.reasons.join("; ")
            );
        }
        for Impossible { target, reason } in &self.impossible {
            let _ = write!(text, "\n- Not {}: {reason}.", target.name());
        }
        let _ = write!(
            text,
            "\nCosts are list prices checked {} or later; ease, maintainability and reliability are \
             judgements.",
            self.prices_as_of
        );
        if let Some(warning) = &self.warning {
            let _ = write!(text, "\nWarning: {warning}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(requests_per_month: u64) -> RecommendDeployment {
        RecommendDeployment {
            workload: Workload::new(requests_per_month),
            priority: Priority::Balanced,
            operations: Operations::Nobody,
            persistent_connections: false,
            stateful_sessions: false,
            websocket: false,
            local_files_mb: 0,
            durable_files: false,
            existing_kubernetes: false,
            budget_usd: None,
        }
    }

    fn answer(question: &RecommendDeployment) -> DeploymentRecommendation {
        question.recommend(&Prices::built_in()).expect("an answer")
    }

    fn position(answer: &DeploymentRecommendation, target: Target) -> Option<usize> {
        answer.ranking.iter().position(|option| option.target == target)
    }

    #[test]
    fn a_small_stateless_server_goes_to_lambda() {
        assert_eq!(answer(&question(100_000)).recommended, Some(Target::LambdaFunctionUrl));
    }

    #[test]
    fn streams_and_sessions_rule_lambda_out_and_say_why() {
        for change in [
            (|question: &mut RecommendDeployment| question.persistent_connections = true)
                as fn(&mut RecommendDeployment),
            |question| question.stateful_sessions = true,
            |question| question.durable_files = true,
            |question| question.local_files_mb = 20_000,
            |question| question.workload.longest_call_seconds = Some(3600),
        ] {
            let mut question = question(100_000);
            change(&mut question);
            let answer = answer(&question);
            assert!(answer.ranking.iter().all(|option| !option.target.is_lambda()), "{question:?}");
            assert!(answer.impossible.len() >= 5, "{answer:?}");
            assert!(answer.recommended.is_some());
        }
    }

    #[test]
    fn websocket_needs_the_websocket_api_or_a_container() {
        let mut question = question(100_000);
        assert_eq!(position(&answer(&question), Target::LambdaWebSocketApi), None);
        question.websocket = true;
        let answer = answer(&question);
        assert!(position(&answer, Target::LambdaWebSocketApi).is_some());
        assert!(position(&answer, Target::Fargate).is_some());
        assert_eq!(position(&answer, Target::LambdaFunctionUrl), None);
    }

    #[test]
    fn a_platform_team_with_a_cluster_moves_eks_up() {
        let plain = answer(&question(500_000_000));
        let mut question = question(500_000_000);
        question.operations = Operations::PlatformTeam;
        question.existing_kubernetes = true;
        let with_cluster = answer(&question);
        assert!(position(&with_cluster, Target::Eks) < position(&plain, Target::Eks));
    }

    #[test]
    fn what_is_over_the_budget_comes_last() {
        let mut question = question(100_000);
        question.budget_usd = Some(20.0);
        let answer = answer(&question);
        let over: Vec<bool> = answer.ranking.iter().map(|option| option.over_budget).collect();
        assert!(over.is_sorted() && over.contains(&true) && !over[0], "{over:?}");
    }

    #[test]
    fn the_priority_moves_the_ranking() {
        let mut question = question(30_000_000);
        question.workload.duration_ms = 500;
        question.priority = Priority::Cost;
        let by_cost = answer(&question);
        question.priority = Priority::Reliability;
        let by_reliability = answer(&question);
        assert_ne!(by_cost.recommended, by_reliability.recommended);
        let best = &by_reliability.ranking[0];
        assert_eq!(best.reliability, 5, "{best:?}");
    }

    #[test]
    fn nothing_asked_costs_nothing_on_lambda() {
        let answer = answer(&question(0));
        assert_eq!(answer.recommended, Some(Target::LambdaFunctionUrl));
        assert_eq!(answer.ranking[0].cost, 5.0);
    }
}
