use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use chrono::Utc;
use mcp_aws::{ErrorKind, Request, encode, service};
use mcp_core::{Call, Tool, ToolContext, ToolError, ToolErrorKind, ToolResult, WithText};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PriceBook, offer::Offer};
use crate::price::{Price, Tier};

/// A file may be so long, in bytes. That of EC2, with hundreds of megabytes, is not read.
const MOST_OF_A_FILE: usize = 32 * 1024 * 1024;
/// A file may take so long.
const FILE_TIME: Duration = Duration::from_secs(60);
/// A price that is so many times another is rather another unit than another price.
const FAR_APART: u32 = 3;

/// Compares the prices that estimates are made of with AWS's public Price List, and takes over new
/// ones until the server ends.
///
/// Use it when an answer warns of old prices. It reads some files of up to a few MB, takes seconds to a
/// minute, costs nothing and needs no AWS account. Prices of EC2 instances, EBS and NAT gateways are not
/// read, as their file has hundreds of megabytes; prices that the list does not state clearly, or that
/// are more than three times as high or as low as before, are kept and told. Nothing is written but to
/// the server's memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Refresh prices",
    aliases = ["refresh-prices"],
    read_only,
    idempotent,
    timeout = "5m"
)]
pub struct RefreshPrices {
    /// The region whose prices are refreshed, one of those that estimates know; "us-east-1" when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// What has become of the prices of a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefreshedPrices {
    /// The region.
    pub region: String,
    /// How many prices the Price List states as they were known.
    pub confirmed: u32,
    /// The prices that were taken over.
    pub changed: Vec<PriceChange>,
    /// The prices that stay as they were, with their reasons.
    pub kept: Vec<KeptPrice>,
    /// When AWS published the files that were read, by the code of their offers.
    pub published: BTreeMap<String, String>,
    /// The day on which the oldest of the prices was last checked, as yyyy-mm-dd.
    pub prices_as_of: String,
    /// Why some files could not be read, if so, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
}

/// A price that is another now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceChange {
    /// Its place in the price file, such as "lambda.requests".
    pub price: String,
    /// What the first unit has cost, in US dollars.
    pub before: String,
    /// What the first unit costs.
    pub now: String,
    /// The unit.
    pub unit: String,
}

/// A price that stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeptPrice {
    /// Its place in the price file.
    pub price: String,
    /// Why.
    pub reason: String,
}

impl Call<PriceBook> for RefreshPrices {
    type Output = WithText<RefreshedPrices>;

    async fn call(self, book: &PriceBook, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let Some(refreshing) = &book.refreshing else {
            return Err(ToolError::new(
                ToolErrorKind::Unavailable,
                "This server was built without a connection to the Price List.",
            ));
        };
        let _turn = refreshing.turn.lock().await;
        let known = book.current();
        let name = self.region.as_deref().unwrap_or("us-east-1");
        let Some(prices) = known.of(name) else {
            let regions: Vec<&str> = known.regions().collect();
            let message = format!(
                "There are no prices of the region {:?} to refresh. There are those of: {}.",
                name.chars().take(32).collect::<String>(),
                regions.join(", ")
            );
            return Err(ToolError::new(ToolErrorKind::NotFound, message));
        };
        let mut prices = prices.clone();
        let codes: BTreeSet<String> = prices
            .each()
            .filter_map(|(_, price)| price.listed().map(|listed| listed.offer.clone()))
            .collect();
        let client = refreshing.aws.client().await;
        let (mut offers, mut failed) = (BTreeMap::new(), BTreeMap::new());
        let mut unreachable: Option<String> = None;
        for code in codes {
            // All files are in one place: what cannot be reached once is not waited for nine times.
            if let Some(reason) = &unreachable {
                failed.insert(code, reason.clone());
                continue;
            }
            match fetch(client, &code, &prices.region).await {
                Ok(offer) => {
                    offers.insert(code, offer);
                }
                Err(Unread { reason, gone }) => {
                    unreachable = gone.then(|| reason.clone());
                    failed.insert(code, reason);
                }
            }
        }
        let mut answer = RefreshedPrices {
            region: prices.region.clone(),
            confirmed: 0,
            changed: Vec::new(),
            kept: Vec::new(),
            published: offers
                .iter()
                .filter_map(|(code, offer)| Some((code.clone(), offer.published.clone()?)))
                .collect(),
            prices_as_of: String::new(),
            partial: partial(&failed),
        };
        if offers.is_empty() {
            let message = answer.partial.unwrap_or_default();
            return Err(ToolError::new(ToolErrorKind::Unavailable, message));
        }
        let today = Utc::now().date_naive();
        for (name, price) in prices.each() {
            let found = match price.listed() {
                None => Err("it is not read from the Price List".to_owned()),
                Some(listed) => match offers.get(&listed.offer) {
                    None => Err(format!("the file of {} could not be read", listed.offer)),
                    Some(offer) => offer.price(listed),
                },
            };
            let before = price.first();
            let taken = found.and_then(|tiers| {
                plausible(price, &tiers)?;
                let same = price.tiers() == tiers;
                price.refresh(tiers, today).map(|()| same)
            });
            match taken {
                Ok(true) => answer.confirmed += 1,
                Ok(false) => answer.changed.push(PriceChange {
                    price: name,
                    before: before.normalize().to_string(),
                    now: price.first().normalize().to_string(),
                    unit: price.unit.clone(),
                }),
                Err(reason) => answer.kept.push(KeptPrice { price: name, reason }),
            }
        }
        answer.prices_as_of = prices.as_of().to_string();
        book.replace(known.replaced(prices));
        let text = answer.to_text();
        Ok(WithText::new(answer, text))
    }
}

/// Why a file could not be read, for the model.
struct Unread {
    reason: String,
    /// Whether the whole list is out of reach.
    gone: bool,
}

/// Reads a file of the Price List.
async fn fetch(client: &mcp_aws::Client, code: &str, region: &str) -> Result<Offer, Unread> {
    let path = format!("/offers/v1.0/aws/{}/current/{}/index.csv", encode(code), encode(region));
    let request = Request::rest(&service::PRICE_LIST, "GetPriceListFile", "GET", path)
        .unsigned()
        .region("us-east-1")
        .response_limit(MOST_OF_A_FILE)
        .timeout(FILE_TIME);
    let file = client.send(request).await.map_err(|error| Unread {
        reason: match (error.kind(), error.status()) {
            // Nobody's permission is lacking: a proxy refuses, or the file is not there.
            (ErrorKind::AccessDenied | ErrorKind::NotFound, Some(status)) => {
                format!("the answer was HTTP {status}; a proxy or a firewall may be the reason.")
            }
            _ => error.advice(),
        },
        gone: matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::TimedOut),
    })?;
    Offer::read(file.body())
        .map_err(|error| Unread { reason: format!("{code}: {error}."), gone: false })
}

fn partial(failed: &BTreeMap<String, String>) -> Option<String> {
    // One reason is enough: as a rule it is that of all.
    let reason = failed.values().next()?;
    let codes: Vec<&str> = failed.keys().map(String::as_str).collect();
    Some(format!("The Price List's files of {} could not be read: {reason}", codes.join(", ")))
}

fn plausible(price: &Price, tiers: &[Tier]) -> Result<(), String> {
    let (before, now) = (price.first(), tiers.first().map_or(Decimal::ZERO, |tier| tier.usd));
    let far = Decimal::from(FAR_APART);
    if now > before * far || now * far < before {
        return Err(format!("the Price List states ${now}, which is far from ${before}"));
    }
    Ok(())
}

impl RefreshedPrices {
    fn to_text(&self) -> String {
        let mut text = format!(
            "Prices of {}: {} confirmed, {} changed, {} kept; the oldest was checked on {}.",
            self.region,
            self.confirmed,
            self.changed.len(),
            self.kept.len(),
            self.prices_as_of
        );
        // Writing to a string does not fail.
        for PriceChange { price, before, now, unit } in &self.changed {
            let _ = write!(text, "\n- {price}: ${before} is now ${now} per {unit}");
        }
        for KeptPrice { price, reason } in &self.kept {
            let _ = write!(text, "\n- {price} stays: {reason}");
        }
        if let Some(partial) = &self.partial {
            let _ = write!(text, "\nPartial: {partial}");
        }
        text
    }
}
