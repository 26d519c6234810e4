//! AWS's public Price List: a file for each service in each region, which anybody may read.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use mcp_aws::{Client, ErrorKind, Request, encode, service};
use mcp_core::ToolContext;
use tokio::time::timeout;

use super::{offer::Offer, offer::OfferReader, prices::RegionPrices};
use crate::price::{Listed, Tier};

/// The offer whose file has hundreds of megabytes.
pub(super) const EC2: &str = "AmazonEC2";
/// That file may take so long.
const EC2_TIME: Duration = Duration::from_secs(420);
/// Another may take so long.
const FILE_TIME: Duration = Duration::from_secs(60);
/// So often a file is asked for whose connection broke.
const ATTEMPTS: u32 = 2;
/// Progress is told after so many bytes of a file.
const TOLD_AFTER: u64 = 16 << 20;

/// Where AWS publishes a region's prices of an offer.
pub(super) fn url(offer: &str, region: &str) -> String {
    format!("https://pricing.us-east-1.amazonaws.com{}", path(offer, region))
}

fn path(offer: &str, region: &str) -> String {
    format!("/offers/v1.0/aws/{}/current/{}/index.csv", encode(offer), encode(region))
}

/// What the Price List says of a region, as far as it could be read.
#[derive(Default)]
pub(super) struct PriceList {
    offers: BTreeMap<String, Offer>,
    unread: BTreeMap<String, Unread>,
}

/// Why a file could not be read, for the model.
#[derive(Clone)]
struct Unread {
    reason: String,
    kind: Lack,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// The list is out of reach.
    Gone,
    /// The connection broke while the file came.
    Broken,
    /// There is no such file.
    Absent,
    /// It is no file of the list.
    Unreadable,
}

impl PriceList {
    /// Reads the files that state the prices of a region; that of EC2, which is long, only if it is
    /// asked for, and last.
    pub(super) async fn read(
        client: &Client,
        prices: &mut RegionPrices,
        ec2: bool,
        cx: &ToolContext,
    ) -> Self {
        let region = prices.region.clone();
        let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (_, price) in prices.each() {
            if let Some(Listed { offer, usage_type, .. }) = price.listed() {
                wanted.entry(offer.to_owned()).or_default().push(usage_type.to_owned());
            }
        }
        let last = wanted.remove_entry(EC2).filter(|_| ec2);
        let total = wanted.len() + usize::from(last.is_some());
        let mut list = Self::default();
        for (done, (offer, usage_types)) in wanted.into_iter().chain(last).enumerate() {
            // All files are in one place: what cannot be reached once is not waited for ten times.
            let gone = list.unread.values().find(|unread| unread.kind == Lack::Gone).cloned();
            let nothing = offer == EC2 && list.offers.is_empty();
            let read = match gone.or_else(|| nothing.then(Unread::pointless)) {
                Some(unread) => Err(unread),
                None => {
                    let step = Step { cx, done, total };
                    read(client, &offer, &region, &usage_types, step).await
                }
            };
            match read {
                Ok(read) => drop(list.offers.insert(offer, read)),
                Err(unread) => drop(list.unread.insert(offer, unread)),
            }
        }
        list
    }

    /// Whether no file could be read.
    pub(super) fn is_empty(&self) -> bool {
        self.offers.is_empty()
    }

    /// Whether a file is there that could not be read.
    pub(super) fn is_cut_short(&self) -> bool {
        self.unread.values().any(|unread| unread.kind != Lack::Absent)
    }

    /// What the list states.
    pub(super) fn price(&self, listed: Listed<'_>) -> Result<Vec<Tier>, String> {
        match (self.offers.get(listed.offer), self.unread.contains_key(listed.offer)) {
            (Some(offer), _) => offer.price(listed),
            (None, true) => Err(format!("the file of {} could not be read", listed.offer)),
            (None, false) => Err(format!("the file of {} was not asked for", listed.offer)),
        }
    }

    /// When AWS published the files that were read.
    pub(super) fn published(&self) -> BTreeMap<String, String> {
        self.offers
            .iter()
            .filter_map(|(offer, read)| Some((offer.clone(), read.published.clone()?)))
            .collect()
    }

    /// What could not be read and why, if anything.
    pub(super) fn partial(&self) -> Option<String> {
        // One reason is enough: as a rule it is that of all.
        let unread = self.unread.values().next()?;
        let offers: Vec<&str> = self.unread.keys().map(String::as_str).collect();
        let mut told = "The Price List's files of ".to_owned();
        // Writing to a string does not fail.
        let _ = write!(told, "{} could not be read: {}", offers.join(", "), unread.reason);
        Some(told)
    }
}

impl Unread {
    fn pointless() -> Self {
        Self { reason: "no other file could be read.".to_owned(), kind: Lack::Absent }
    }
}

/// Where the reading is, for whoever waits.
#[derive(Clone, Copy)]
struct Step<'a> {
    cx: &'a ToolContext,
    done: usize,
    total: usize,
}

impl Step<'_> {
    async fn tell(self, offer: &str, bytes: u64, of: Option<u64>) {
        let share = of.map_or(0.0, |of| bytes as f64 / of.max(bytes).max(1) as f64);
        let told = format!("{offer}: {} MB read", bytes >> 20);
        self.cx.report(self.done as f64 + share, Some(self.total as f64), told).await;
    }
}

async fn read(
    client: &Client,
    offer: &str,
    region: &str,
    usage_types: &[String],
    step: Step<'_>,
) -> Result<Offer, Unread> {
    let time = if offer == EC2 { EC2_TIME } else { FILE_TIME };
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        let read = timeout(time, stream(client, offer, region, usage_types, step)).await;
        match read {
            Ok(Err(unread)) if unread.kind == Lack::Broken && attempts > 0 => {}
            Ok(Err(unread)) if unread.kind == Lack::Broken => {
                return Err(Unread { kind: Lack::Gone, ..unread });
            }
            Ok(read) => return read,
            Err(_) => {
                return Err(Unread {
                    reason: format!(
                        "{offer}'s took more than {} seconds; try again later.",
                        time.as_secs()
                    ),
                    kind: Lack::Gone,
                });
            }
        }
    }
}

async fn stream(
    client: &Client,
    offer: &str,
    region: &str,
    usage_types: &[String],
    step: Step<'_>,
) -> Result<Offer, Unread> {
    let request =
        Request::rest(&service::PRICE_LIST, "GetPriceListFile", "GET", path(offer, region))
            .unsigned()
            .region("us-east-1");
    let file =
        client.stream(request).await.map_err(|error| match (error.kind(), error.status()) {
            // Nobody's permission is lacking: the file is not there, or a proxy refuses.
            (ErrorKind::AccessDenied | ErrorKind::NotFound, Some(status)) => Unread {
                reason: format!(
                    "the answer was HTTP {status}; a proxy or a firewall may be the reason."
                ),
                kind: Lack::Absent,
            },
            (kind, _) => Unread {
                reason: error.advice(),
                kind: match kind {
                    ErrorKind::Unreachable | ErrorKind::TimedOut => Lack::Gone,
                    _ => Lack::Unreadable,
                },
            },
        })?;
    let unreadable =
        |error| Unread { reason: format!("{offer}: {error}."), kind: Lack::Unreadable };
    let length = file.content_length();
    let mut body = file.into_body();
    let mut reader = OfferReader::of(usage_types.iter().map(String::as_str));
    let (mut bytes, mut told) = (0, 0);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Unread {
            reason: format!("the connection broke while that of {offer} came; try again later."),
            kind: Lack::Broken,
        })?;
        reader.push(&piece).map_err(unreadable)?;
        bytes += piece.len() as u64;
        if bytes - told >= TOLD_AFTER {
            told = bytes;
            step.tell(offer, bytes, length).await;
        }
    }
    step.tell(offer, bytes, Some(bytes)).await;
    reader.finish().map_err(unreadable)
}
