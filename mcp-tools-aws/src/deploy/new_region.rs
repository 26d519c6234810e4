//! The prices of a region that is not known, after the pattern of one that is.

use chrono::NaiveDate;

use super::{
    price_list::{PriceList, url},
    prices::{Borrowed, RegionPrices},
    refresh_prices::{KeptPrice, plausible},
};

/// So many prices of a region may be those of the pattern; with more it would be half a region.
const MOST_BORROWED: usize = 4;

/// What has become of a pattern.
pub(super) struct NewRegion {
    pub(super) prices: RegionPrices,
    /// How many prices are the region's own.
    pub(super) own: u32,
    /// Those that are the pattern's.
    pub(super) borrowed: Vec<KeptPrice>,
    /// What the region does not have.
    pub(super) not_sold: Vec<String>,
}

/// A region's prices without any of its own yet: all of them are another's.
pub(super) fn pattern(known: &RegionPrices, region: &str) -> RegionPrices {
    RegionPrices { region: region.to_owned(), borrowed: None, ..known.clone() }
}

impl NewRegion {
    /// Puts what the Price List states in the place of the pattern's prices. Instance types and
    /// AgentCore, which are not sold everywhere, are left out where it does not state them; of the
    /// rest few may be missing, and stay the pattern's.
    pub(super) fn read(
        mut prices: RegionPrices,
        from: &str,
        list: &PriceList,
        today: NaiveDate,
    ) -> Result<Self, String> {
        let region = prices.region.clone();
        let (mut own, mut lacking) = (0, Vec::new());
        for (name, price) in prices.each() {
            let Some(listed) = price.listed() else { continue };
            let source = url(listed.offer, &region);
            let taken = list.price(listed).and_then(|tiers| {
                plausible(price, &tiers)?;
                price.refresh(tiers, today)
            });
            match taken {
                Ok(()) => {
                    price.published_at(source);
                    own += 1;
                }
                Err(reason) => lacking.push(KeptPrice { price: name, reason }),
            }
        }
        let is_sold_somewhere = |it: &KeptPrice| {
            it.price.starts_with("instances.") || it.price.starts_with("agentcore.")
        };
        let (not_sold, borrowed): (Vec<_>, Vec<_>) =
            lacking.into_iter().partition(is_sold_somewhere);
        if borrowed.len() > MOST_BORROWED {
            let lacking: Vec<&str> = borrowed.iter().map(|it| it.price.as_str()).collect();
            return Err(format!(
                "The Price List states too little of the region {region:?} in US dollars; {} prices \
                 are missing: {}.",
                lacking.len(),
                lacking.join(", ")
            ));
        }
        let is_sold = |name: &str| not_sold.iter().all(|it| it.price != name);
        prices.instances.retain(|instance| is_sold(&format!("instances.{}", instance.name)));
        if !is_sold("agentcore.vcpu") || !is_sold("agentcore.memory") {
            prices.agentcore = None;
        }
        prices.borrowed = (!borrowed.is_empty()).then(|| Borrowed {
            from: from.to_owned(),
            prices: borrowed.iter().map(|it| it.price.clone()).collect(),
        });
        let not_sold = not_sold.into_iter().map(|it| it.price).collect();
        Ok(Self { prices, own, borrowed, not_sold })
    }
}
