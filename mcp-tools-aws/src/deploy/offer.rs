//! A file of the Price List: the prices of one service in one region, as CSV.
//!
//! Its form: <https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html>.

use std::collections::BTreeMap;

use csv::StringRecord;
use rust_decimal::Decimal;

use crate::price::{Listed, Tier};

/// What is read of a file.
#[derive(Debug)]
pub(super) struct Offer {
    /// When AWS published it, as the file says.
    pub(super) published: Option<String>,
    rows: Vec<Row>,
}

/// A tier of a price.
#[derive(Debug)]
struct Row {
    sku: String,
    usage_type: String,
    operation: String,
    from: Decimal,
    tier: Tier,
}

/// Where the columns are that are read.
struct Columns {
    sku: usize,
    term: usize,
    from: usize,
    to: usize,
    usd: usize,
    currency: usize,
    usage_type: usize,
    operation: usize,
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, String> {
        let column = |name: &str| {
            let found = header.iter().position(|column| column.eq_ignore_ascii_case(name));
            found.ok_or_else(|| format!("the file has no column {name:?}"))
        };
        Ok(Self {
            sku: column("SKU")?,
            term: column("TermType")?,
            from: column("StartingRange")?,
            to: column("EndingRange")?,
            usd: column("PricePerUnit")?,
            currency: column("Currency")?,
            usage_type: column("usageType")?,
            operation: column("operation")?,
        })
    }
}

impl Offer {
    /// Reads on-demand prices in US dollars.
    pub(super) fn read(file: &[u8]) -> Result<Self, String> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
        let mut offer = Self { published: None, rows: Vec::new() };
        let mut columns: Option<Columns> = None;
        let mut record = StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| error.to_string())? {
            let Some(columns) = &columns else {
                // What is said of the file comes before its header.
                match record.get(0) {
                    Some("Publication Date") => {
                        offer.published = record.get(1).map(str::to_owned);
                    }
                    Some("SKU") => columns = Some(Columns::find(&record)?),
                    _ => {}
                }
                continue;
            };
            offer.rows.extend(Row::read(&record, columns));
        }
        match columns {
            Some(_) => Ok(offer),
            None => Err("the file has no header".to_owned()),
        }
    }

    /// The tiers of a price.
    pub(super) fn price(&self, listed: &Listed) -> Result<Vec<Tier>, String> {
        let mut by_sku: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in &self.rows {
            let operation = listed.operation.as_ref();
            if same_usage(&row.usage_type, &listed.usage_type)
                && operation.is_none_or(|operation| *operation == row.operation)
            {
                by_sku.entry(&row.sku).or_default().push(row);
            }
        }
        let mut found: Option<Vec<Tier>> = None;
        for (_, mut rows) in by_sku {
            rows.sort_by_key(|row| row.from);
            let tiers: Vec<Tier> = rows.into_iter().map(|row| row.tier.clone()).collect();
            match &found {
                Some(known) if *known != tiers => {
                    return Err("the Price List has several prices of this usage type".to_owned());
                }
                _ => found = Some(tiers),
            }
        }
        found.ok_or_else(|| "the Price List does not have this usage type".to_owned())
    }
}

impl Row {
    fn read(record: &StringRecord, columns: &Columns) -> Option<Self> {
        let field = |column: usize| record.get(column);
        if field(columns.term)? != "OnDemand" || field(columns.currency)? != "USD" {
            return None;
        }
        let up_to = match field(columns.to)? {
            "Inf" => None,
            number => Some(number.parse().ok()?),
        };
        Some(Self {
            sku: field(columns.sku)?.to_owned(),
            usage_type: field(columns.usage_type)?.to_owned(),
            operation: field(columns.operation)?.to_owned(),
            from: field(columns.from)?.parse().ok()?,
            tier: Tier { up_to, usd: field(columns.usd)?.parse::<Decimal>().ok()?.normalize() },
        })
    }
}

/// Whether two usage types are one, but for the prefix of a region, such as `USE1-` or `EU-`.
fn same_usage(one: &str, other: &str) -> bool {
    without_region(one) == without_region(other)
}

fn without_region(usage_type: &str) -> &str {
    match usage_type.split_once('-') {
        Some((prefix, rest))
            if (2..=5).contains(&prefix.len())
                && prefix
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) =>
        {
            rest
        }
        _ => usage_type,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\"FormatVersion\",\"v1.0\"\n\"Disclaimer\",\"none, really\"\n\
        \"Publication Date\",\"2026-11-20T10:00:00Z\"\n\"Version\",\"20261120\"\n\
        \"OfferCode\",\"AWSLambda\"\n\
        \"SKU\",\"OfferTermCode\",\"RateCode\",\"TermType\",\"PriceDescription\",\"EffectiveDate\",\
        \"StartingRange\",\"EndingRange\",\"Unit\",\"PricePerUnit\",\"Currency\",\"usageType\",\"operation\"\n\
        \"A\",\"J\",\"A.J.2\",\"OnDemand\",\"b\",\"2026-11-01\",\"6000000000\",\"Inf\",\"s\",\"0.0000150000\",\"USD\",\"USE1-Lambda-GB-Second\",\"\"\n\
        \"A\",\"J\",\"A.J.1\",\"OnDemand\",\"a\",\"2026-11-01\",\"0\",\"6000000000\",\"s\",\"0.0000166667\",\"USD\",\"USE1-Lambda-GB-Second\",\"\"\n\
        \"A\",\"J\",\"A.J.3\",\"Reserved\",\"a\",\"2026-11-01\",\"0\",\"Inf\",\"s\",\"0.0000000001\",\"USD\",\"USE1-Lambda-GB-Second\",\"\"\n\
        \"B\",\"J\",\"B.J.1\",\"OnDemand\",\"a\",\"2026-11-01\",\"0\",\"Inf\",\"h\",\"0.0225\",\"USD\",\"LoadBalancerUsage\",\"LoadBalancing:Application\"\n\
        \"C\",\"J\",\"C.J.1\",\"OnDemand\",\"a\",\"2026-11-01\",\"0\",\"Inf\",\"h\",\"0.025\",\"USD\",\"LoadBalancerUsage\",\"LoadBalancing\"\n";

    fn price(usage_type: &str, operation: Option<&str>) -> Result<Vec<Tier>, String> {
        let listed = Listed {
            offer: String::new(),
            usage_type: usage_type.to_owned(),
            operation: operation.map(str::to_owned),
        };
        Offer::read(FILE.as_bytes()).unwrap().price(&listed)
    }

    fn tier(up_to: Option<&str>, usd: &str) -> Tier {
        Tier { up_to: up_to.map(|it| it.parse().unwrap()), usd: usd.parse().unwrap() }
    }

    #[test]
    fn tiers_are_put_in_order_and_commitments_left_out() {
        let tiers = price("Lambda-GB-Second", None).unwrap();
        assert_eq!(tiers, [tier(Some("6000000000"), "0.0000166667"), tier(None, "0.000015")]);
        let file = Offer::read(FILE.as_bytes()).unwrap();
        assert_eq!(file.published.as_deref(), Some("2026-11-20T10:00:00Z"));
    }

    #[test]
    fn several_prices_of_one_usage_type_are_not_chosen_from() {
        assert!(price("LoadBalancerUsage", None).unwrap_err().contains("several prices"));
        let application = price("LoadBalancerUsage", Some("LoadBalancing:Application"));
        assert_eq!(application.unwrap(), [tier(None, "0.0225")]);
        assert!(price("Request", None).unwrap_err().contains("does not have"));
    }

    #[test]
    fn what_is_no_price_list_is_refused() {
        for file in ["", "<html></html>", "\"SKU\",\"TermType\"\n", "\"FormatVersion\",\"v1.0\"\n"]
        {
            assert!(Offer::read(file.as_bytes()).is_err(), "{file}");
        }
    }

    #[test]
    fn regions_have_prefixes() {
        for (one, other, same) in [
            ("Request", "EU-Request", true),
            ("USE1-Fargate-GB-Hours", "APN1-Fargate-GB-Hours", true),
            ("Lambda-GB-Second", "Lambda-GB-Second-ARM", false),
            ("LoadBalancerUsage", "USW2-LoadBalancerUsage", true),
        ] {
            assert_eq!(same_usage(one, other), same, "{one} {other}");
        }
    }
}
