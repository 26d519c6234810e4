use std::{collections::BTreeMap, fmt::Write as _};

use chrono::{NaiveDate, Utc};
use mcp_core::{Call, Tool, ToolContext, ToolError, ToolErrorKind, ToolResult, WithText};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    PriceBook,
    new_region::{NewRegion, pattern},
    price_file::price_file,
    price_list::PriceList,
    prices::RegionPrices,
};
use crate::{
    aws::is_region,
    price::{Price, Tier},
};

/// A price that is so many times another is rather another unit than another price.
const FAR_APART: u32 = 3;
/// The region that is refreshed when none is named.
const REGION: &str = "us-east-1";

/// Reads the prices that estimates are made of from AWS's public Price List, and goes by them until
/// the server ends.
///
/// Use it when an answer warns of old prices, or knows none of a region: any region of AWS that is
/// billed in US dollars can be added. It costs nothing and needs no AWS account. For a region that is
/// known it reads files of a few MB in seconds; with `ec2`, and for a region that is not known, also
/// the file of EC2, which has hundreds of MB and takes a minute or more. Prices that the list does not
/// state clearly, or that are more than three times as high or as low as before, are kept and told.
/// Nothing is written but to the server's memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Refresh prices",
    aliases = ["refresh-prices"],
    read_only,
    idempotent,
    task,
    timeout = "10m"
)]
pub struct RefreshPrices {
    /// The region whose prices are read, such as "eu-west-1"; "us-east-1" when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub region: Option<String>,
    /// Whether the prices of EC2 instances, EBS and NAT gateways of a known region are read, too.
    #[serde(default)]
    pub ec2: bool,
    /// Whether the answer has the region's prices as the text of a price file, for the server's
    /// operator to keep.
    #[serde(default)]
    pub file: bool,
}

/// What has become of the prices of a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefreshedPrices {
    /// The region.
    pub region: String,
    /// How many prices of a region that was not known were taken over.
    pub added: u32,
    /// How many prices the Price List states as they were known.
    pub confirmed: u32,
    /// The prices that were taken over.
    pub changed: Vec<PriceChange>,
    /// The prices that stay as they were, with their reasons; of a region that was not known those
    /// that are another region's.
    pub kept: Vec<KeptPrice>,
    /// What the Price List does not have in a region that was not known, so that estimates leave it
    /// out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_sold: Vec<String>,
    /// When AWS published the files that were read, by the code of their offers.
    pub published: BTreeMap<String, String>,
    /// The day on which the oldest of the prices was last checked, as yyyy-mm-dd.
    pub prices_as_of: String,
    /// Why some files could not be read, if so, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// The prices as the text of a price file, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
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

    async fn call(self, book: &PriceBook, cx: &ToolContext) -> ToolResult<Self::Output> {
        let Some(refreshing) = &book.refreshing else {
            return Err(ToolError::new(
                ToolErrorKind::Unavailable,
                "This server was built without a connection to the Price List.",
            ));
        };
        let region = self.region.as_deref().unwrap_or(REGION);
        if !is_region(region) {
            let message = format!(
                "{:?} is no code of a region, such as \"eu-west-1\".",
                region.chars().take(32).collect::<String>()
            );
            return Err(ToolError::new(ToolErrorKind::InvalidArguments, message));
        }
        let _turn = refreshing.turn.lock().await;
        let known = book.current();
        let nothing =
            || ToolError::new(ToolErrorKind::NotFound, "The server has no prices at all.");
        let model = known.of(REGION).or_else(|| known.first()).ok_or_else(nothing)?;
        let (mut prices, new) = match known.of(region) {
            Some(prices) => (prices.clone(), false),
            None => (pattern(model, region), true),
        };
        let client = refreshing.aws.client().await;
        let list = PriceList::read(client, &mut prices, self.ec2 || new, cx).await;
        if list.is_empty() || (new && list.is_cut_short()) {
            let mut message = list.partial().unwrap_or_default();
            if new {
                message.push_str(&format!(" No prices of {region:?} were taken over."));
            }
            return Err(ToolError::new(ToolErrorKind::Unavailable, message));
        }
        let today = Utc::now().date_naive();
        let mut answer = RefreshedPrices {
            region: region.to_owned(),
            added: 0,
            confirmed: 0,
            changed: Vec::new(),
            kept: Vec::new(),
            not_sold: Vec::new(),
            published: list.published(),
            prices_as_of: String::new(),
            partial: list.partial().filter(|_| !new),
            file: None,
        };
        if new {
            let read = NewRegion::read(prices, &model.region, &list, today)
                .map_err(|message| ToolError::new(ToolErrorKind::NotFound, message))?;
            prices = read.prices;
            (answer.added, answer.kept, answer.not_sold) = (read.own, read.borrowed, read.not_sold);
        } else {
            answer.compare(&mut prices, &list, today);
        }
        answer.prices_as_of = prices.as_of().to_string();
        answer.file = self.file.then(|| price_file(&prices));
        book.replace(known.replaced(prices));
        let text = answer.to_text();
        Ok(WithText::new(answer, text))
    }
}

/// Whether a price may be what another has become.
pub(super) fn plausible(price: &Price, tiers: &[Tier]) -> Result<(), String> {
    let (before, now) = (price.first(), tiers.first().map_or(Decimal::ZERO, |tier| tier.usd));
    let far = Decimal::from(FAR_APART);
    if now > before * far || now * far < before {
        return Err(format!("the Price List states ${now}, which is far from ${before}"));
    }
    Ok(())
}

impl RefreshedPrices {
    /// Takes over what the list states of a region that is known, and says what has become of it.
    fn compare(&mut self, prices: &mut RegionPrices, list: &PriceList, today: NaiveDate) {
        for (name, price) in prices.each() {
            let found = match price.listed() {
                None => Err("it is not read from the Price List".to_owned()),
                Some(listed) => list.price(listed),
            };
            let before = price.first();
            let taken = found.and_then(|tiers| {
                plausible(price, &tiers)?;
                let same = price.tiers() == tiers;
                price.refresh(tiers, today).map(|()| same)
            });
            match taken {
                Ok(true) => self.confirmed += 1,
                Ok(false) => self.changed.push(PriceChange {
                    price: name,
                    before: before.normalize().to_string(),
                    now: price.first().normalize().to_string(),
                    unit: price.unit.clone(),
                }),
                Err(reason) => self.kept.push(KeptPrice { price: name, reason }),
            }
        }
        prices.borrowed = prices.borrowed.take().and_then(|mut borrowed| {
            borrowed.prices.retain(|name| self.kept.iter().any(|kept| kept.price == *name));
            (!borrowed.prices.is_empty()).then_some(borrowed)
        });
    }

    fn to_text(&self) -> String {
        let mut text = format!(
            "Prices of {}: {} added, {} confirmed, {} changed, {} kept; the oldest was checked on {}.",
            self.region,
            self.added,
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
        if !self.not_sold.is_empty() {
            let _ = write!(text, "\nNot sold there: {}.", self.not_sold.join(", "));
        }
        if let Some(partial) = &self.partial {
            let _ = write!(text, "\nPartial: {partial}");
        }
        if let Some(file) = &self.file {
            let _ = write!(text, "\n\n{file}");
        }
        text
    }
}
