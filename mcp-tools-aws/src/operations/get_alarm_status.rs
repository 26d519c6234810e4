use std::fmt::Write as _;

use mcp_aws::{List, Page, service};
use mcp_core::{Call, Tool, ToolContext, ToolError, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::place::{Place, one_line};
use crate::{Aws, aws::Api};

const DESCRIBE_ALARMS: Api =
    Api::new(&service::CLOUDWATCH, "DescribeAlarms", "cloudwatch:DescribeAlarms");

pub(super) const APIS: &[&Api] = &[&DESCRIBE_ALARMS];

/// So many pages of a hundred alarms are read.
const MOST_PAGES: usize = 20;

/// Tells which alarms of CloudWatch ring, since when and why; then those without data, then the rest.
///
/// Use it first when something may be wrong with a server, then get_server_metrics and tail_logs. It
/// costs nothing. This only reads: it silences and changes no alarm.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Alarms",
    aliases = ["get-alarm-status"],
    read_only,
    idempotent,
    timeout = "90s",
    scopes = ["operations:read"]
)]
pub struct GetAlarmStatus {
    /// Only alarms whose names begin like this; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name_prefix: Option<String>,
    /// Only alarms in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<AlarmState>,
    /// How many alarms to list. 50 when absent. Counts are of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<u16>,
    /// The region, such as "eu-west-1"; the server's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// The state of an alarm, by how much it matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlarmState {
    /// It rings.
    Alarm,
    /// Nobody knows: there are not enough data.
    InsufficientData,
    /// All is well.
    Ok,
}

/// What an alarm watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// A metric, or an expression of several.
    Metric,
    /// Other alarms.
    Composite,
}

/// The alarms of a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlarmStatus {
    /// Where they are.
    pub region: String,
    /// How many ring.
    pub in_alarm: u32,
    /// How many lack data.
    pub insufficient_data: u32,
    /// How many are well.
    pub ok: u32,
    /// The alarms: those that ring first, the latest change first.
    pub alarms: Vec<Alarm>,
    /// Why some of it is missing, if so: then the counts are too low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
}

/// An alarm of CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// What it watches.
    pub kind: AlarmKind,
    /// Its state.
    pub state: AlarmState,
    /// Since when, as RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why, in CloudWatch's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What makes it ring: the metric and its threshold, or the rule of a composite alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rings_when: Option<String>,
    /// Whether anybody is told when it rings.
    pub actions_enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarms {
    #[serde(default)]
    metric_alarms: List<Described>,
    #[serde(default)]
    composite_alarms: List<Described>,
    next_token: Option<String>,
}

impl Page for Alarms {
    const TOKEN: &'static str = "NextToken";

    fn next_token(&mut self) -> Option<String> {
        self.next_token.take()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    alarm_name: String,
    state_value: Option<AlarmState>,
    state_reason: Option<String>,
    state_updated_timestamp: Option<String>,
    actions_enabled: Option<bool>,
    namespace: Option<String>,
    metric_name: Option<String>,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    comparison_operator: Option<String>,
    threshold: Option<String>,
    alarm_rule: Option<String>,
}

impl Described {
    fn rings_when(&self) -> Option<String> {
        if let Some(rule) = self.alarm_rule.as_deref().filter(|rule| !rule.is_empty()) {
            return Some(one_line(rule));
        }
        let operator = match self.comparison_operator.as_deref()? {
            "GreaterThanThreshold" => ">",
            "GreaterThanOrEqualToThreshold" => ">=",
            "LessThanThreshold" => "<",
            "LessThanOrEqualToThreshold" => "<=",
            other => other,
        };
        let namespace = self.namespace.as_deref().unwrap_or_default();
        // An alarm on an expression has neither.
        let metric = self.metric_name.as_deref().unwrap_or("an expression of metrics");
        let statistic = self.statistic.as_deref().or(self.extended_statistic.as_deref());
        let statistic = statistic.unwrap_or_default();
        let threshold = self.threshold.as_deref().unwrap_or("a band of what is expected");
        let words = [namespace, metric, statistic, operator, threshold];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        Some(one_line(&words.join(" ")))
    }

    fn into_alarm(self, kind: AlarmKind) -> Alarm {
        Alarm {
            rings_when: self.rings_when(),
            name: one_line(&self.alarm_name),
            kind,
            state: self.state_value.unwrap_or(AlarmState::InsufficientData),
            since: self.state_updated_timestamp,
            reason: self.state_reason.map(|reason| one_line(&reason)).filter(|it| !it.is_empty()),
            actions_enabled: self.actions_enabled.unwrap_or(true),
        }
    }
}

async fn alarms(place: &Place<'_>, prefix: Option<&str>) -> ToolResult<(Vec<Alarm>, bool)> {
    let mut request = DESCRIBE_ALARMS
        .request(&[])
        .with("AlarmTypes", json!(["MetricAlarm", "CompositeAlarm"]))
        .with("MaxRecords", 100);
    if let Some(prefix) = prefix {
        request.set("AlarmNamePrefix", prefix);
    }
    let (pages, more) = place.pages::<Alarms>(&DESCRIBE_ALARMS, request, MOST_PAGES).await?;
    let mut alarms = Vec::new();
    for page in pages {
        let metric = page.metric_alarms.into_iter();
        alarms.extend(metric.map(|alarm| alarm.into_alarm(AlarmKind::Metric)));
        let composite = page.composite_alarms.into_iter();
        alarms.extend(composite.map(|alarm| alarm.into_alarm(AlarmKind::Composite)));
    }
    Ok((alarms, more))
}

impl Call<Aws> for GetAlarmStatus {
    type Output = WithText<AlarmStatus>;

    async fn call(self, aws: &Aws, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let place = Place::new(aws, self.region.as_deref()).await?;
        let (mut alarms, more) = alarms(&place, self.name_prefix.as_deref()).await?;
        if let (true, Some(prefix)) = (alarms.is_empty(), &self.name_prefix) {
            return Err(unknown(&place, prefix).await);
        }
        let count = |state| {
            let there = alarms.iter().filter(|alarm| alarm.state == state).count();
            u32::try_from(there).unwrap_or(u32::MAX)
        };
        let (in_alarm, insufficient_data, ok) =
            (count(AlarmState::Alarm), count(AlarmState::InsufficientData), count(AlarmState::Ok));
        alarms.retain(|alarm| self.state.is_none_or(|state| alarm.state == state));
        alarms.sort_by(|a, b| {
            (a.state.cmp(&b.state))
                .then_with(|| b.since.cmp(&a.since))
                .then_with(|| a.name.cmp(&b.name))
        });
        alarms.truncate(self.limit.unwrap_or(50).into());
        let status = AlarmStatus {
            region: place.region().to_owned(),
            in_alarm,
            insufficient_data,
            ok,
            alarms,
            partial: more.then(|| {
                format!(
                    "Only the first {} alarms were looked at; ask with `name_prefix`.",
                    MOST_PAGES * 100
                )
            }),
        };
        let text = status.to_text();
        Ok(WithText::new(status, text))
    }
}

async fn unknown(place: &Place<'_>, prefix: &str) -> ToolError {
    let request = DESCRIBE_ALARMS
        .request(&[])
        .with("AlarmTypes", json!(["MetricAlarm", "CompositeAlarm"]))
        .with("MaxRecords", 100);
    let names = |page: Alarms| {
        let all = page.metric_alarms.into_iter().chain(page.composite_alarms);
        all.map(|alarm| alarm.alarm_name).collect()
    };
    place.unknown("alarm like", prefix, &DESCRIBE_ALARMS, request, names).await
}

impl AlarmStatus {
    fn to_text(&self) -> String {
        let Self { region, in_alarm, insufficient_data, ok, .. } = self;
        let mut text = format!(
            "Alarms in {region}: {in_alarm} ring, {insufficient_data} lack data, {ok} are well."
        );
        // Writing to a string does not fail.
        for alarm in &self.alarms {
            let state = match alarm.state {
                AlarmState::Alarm => "ALARM",
                AlarmState::InsufficientData => "no data",
                AlarmState::Ok => "ok",
            };
            let _ = write!(text, "\n- {state}: {}", alarm.name);
            if let Some(since) = &alarm.since {
                let _ = write!(text, ", since {since}");
            }
            if let Some(rings_when) = &alarm.rings_when {
                let _ = write!(text, " ({rings_when})");
            }
            if let (Some(reason), true) = (&alarm.reason, alarm.state != AlarmState::Ok) {
                let _ = write!(text, ": {reason}");
            }
            if !alarm.actions_enabled {
                text.push_str(" [nobody is told]");
            }
        }
        if let Some(partial) = &self.partial {
            let _ = write!(text, "\nPartial: {partial}");
        }
        text
    }
}
