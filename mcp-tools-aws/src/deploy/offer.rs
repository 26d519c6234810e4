//! A file of the Price List: the prices of one service in one region, as CSV.
//!
//! Its form: <https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html>.

use std::collections::{BTreeMap, HashSet};

use csv_core::ReadRecordResult;
use rust_decimal::Decimal;

use crate::price::{Listed, Tier};

/// A line may be so long, in bytes. Those of EC2, which are the longest, have about a thousand.
const LONGEST_LINE: usize = 64 * 1024;
/// A line may have so many columns. Those of EC2 have about a hundred.
const MOST_COLUMNS: usize = 1024;
/// So many lines of a file may be of prices that are wanted; some tiers each is what there is.
const MOST_ROWS: usize = 10_000;

/// What is read of a file.
#[derive(Debug, Default)]
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

impl Offer {
    /// The tiers of a price.
    pub(super) fn price(&self, listed: Listed<'_>) -> Result<Vec<Tier>, String> {
        let mut by_sku: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in &self.rows {
            if row.usage_type == without_region(listed.usage_type)
                && listed.operation.is_none_or(|operation| operation == row.operation)
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

/// Reads a file as its pieces come, and keeps of it what is wanted: on-demand prices in US dollars of
/// some usage types. However long the file is, it takes the memory of its longest line.
#[derive(Debug)]
pub(super) struct OfferReader<'a> {
    csv: csv_core::Reader,
    line: Line,
    columns: Option<Columns>,
    wanted: HashSet<&'a str>,
    offer: Offer,
}

impl<'a> OfferReader<'a> {
    /// Keeps the prices of these usage types, whatever region's prefix they have.
    pub(super) fn of(usage_types: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            csv: csv_core::Reader::new(),
            line: Line::new(),
            columns: None,
            wanted: usage_types.into_iter().map(without_region).collect(),
            offer: Offer::default(),
        }
    }

    /// Reads a piece.
    pub(super) fn push(&mut self, mut piece: &[u8]) -> Result<(), String> {
        // An empty piece is the end of the file to the reader of CSV.
        while !piece.is_empty() {
            let read = self.read(piece)?;
            piece = piece.get(read..).unwrap_or_default();
        }
        Ok(())
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> Result<Offer, String> {
        self.read(&[])?;
        match self.columns {
            Some(_) => Ok(self.offer),
            None => Err("the file has no header".to_owned()),
        }
    }

    /// Reads one line at most, and says how many bytes it has taken.
    fn read(&mut self, piece: &[u8]) -> Result<usize, String> {
        let Line { text, ends, written, columns } = &mut self.line;
        let (result, read, more, ended) =
            self.csv.read_record(piece, &mut text[*written..], &mut ends[*columns..]);
        *written += more;
        *columns += ended;
        match result {
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                return Err("the file has a line that is too long".to_owned());
            }
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            ReadRecordResult::Record => {
                self.keep()?;
                self.line.clear();
            }
        }
        Ok(read)
    }

    fn keep(&mut self) -> Result<(), String> {
        let line = &self.line;
        let Some(columns) = &self.columns else {
            // What is said of the file comes before its header.
            match line.field(0) {
                Some("Publication Date") => self.offer.published = line.field(1).map(str::to_owned),
                Some("SKU") => self.columns = Some(Columns::find(line)?),
                _ => {}
            }
            return Ok(());
        };
        self.offer.rows.extend(Row::read(line, columns, &self.wanted));
        match self.offer.rows.len() > MOST_ROWS {
            true => Err("the file states a price too often".to_owned()),
            false => Ok(()),
        }
    }
}

/// A line as far as it has been read.
#[derive(Debug)]
struct Line {
    text: Vec<u8>,
    /// Where its columns end.
    ends: Vec<usize>,
    written: usize,
    columns: usize,
}

impl Line {
    fn new() -> Self {
        let (text, ends) = (vec![0; LONGEST_LINE], vec![0; MOST_COLUMNS]);
        Self { text, ends, written: 0, columns: 0 }
    }

    fn clear(&mut self) {
        (self.written, self.columns) = (0, 0);
    }

    /// A column's text, if there is one.
    fn field(&self, column: usize) -> Option<&str> {
        let end = *self.ends[..self.columns].get(column)?;
        let start = match column.checked_sub(1) {
            None => 0,
            Some(before) => self.ends[before],
        };
        str::from_utf8(self.text.get(start..end)?).ok()
    }

    fn fields(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.columns).map(|column| self.field(column))
    }
}

/// Where the columns are that are read.
#[derive(Debug)]
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
    fn find(header: &Line) -> Result<Self, String> {
        let column = |name: &str| {
            let found = header
                .fields()
                .position(|column| column.is_some_and(|it| it.eq_ignore_ascii_case(name)));
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

impl Row {
    fn read(line: &Line, columns: &Columns, wanted: &HashSet<&str>) -> Option<Self> {
        let usage_type = without_region(line.field(columns.usage_type)?);
        if !wanted.contains(usage_type)
            || line.field(columns.term)? != "OnDemand"
            || line.field(columns.currency)? != "USD"
        {
            return None;
        }
        let up_to = match line.field(columns.to)? {
            "Inf" => None,
            number => Some(number.parse().ok()?),
        };
        Some(Self {
            sku: line.field(columns.sku)?.to_owned(),
            usage_type: usage_type.to_owned(),
            operation: line.field(columns.operation)?.to_owned(),
            from: line.field(columns.from)?.parse().ok()?,
            tier: Tier {
                up_to,
                usd: line.field(columns.usd)?.parse::<Decimal>().ok()?.normalize(),
            },
        })
    }
}

/// A usage type without the prefix of a region, such as `USE1-` or `EU-`.
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
        read(FILE, [usage_type]).unwrap().price(Listed { offer: "", usage_type, operation })
    }

    fn read<const N: usize>(file: &str, wanted: [&str; N]) -> Result<Offer, String> {
        let mut reader = OfferReader::of(wanted);
        reader.push(file.as_bytes())?;
        reader.finish()
    }

    fn tier(up_to: Option<&str>, usd: &str) -> Tier {
        Tier { up_to: up_to.map(|it| it.parse().unwrap()), usd: usd.parse().unwrap() }
    }

    #[test]
    fn tiers_are_put_in_order_and_commitments_left_out() {
        let tiers = price("Lambda-GB-Second", None).unwrap();
        assert_eq!(tiers, [tier(Some("6000000000"), "0.0000166667"), tier(None, "0.000015")]);
        let file = read(FILE, []).unwrap();
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
            assert!(read(file, []).is_err(), "{file}");
        }
    }

    #[test]
    fn a_file_may_come_in_pieces_of_any_size() {
        let whole = read(FILE, ["Lambda-GB-Second", "LoadBalancerUsage"]).unwrap();
        for size in [1, 2, 7, 64] {
            let mut reader = OfferReader::of(["Lambda-GB-Second", "LoadBalancerUsage"]);
            for piece in FILE.as_bytes().chunks(size) {
                reader.push(piece).unwrap();
            }
            assert_eq!(format!("{:?}", reader.finish().unwrap()), format!("{whole:?}"), "{size}");
        }
    }

    #[test]
    fn what_is_not_wanted_is_not_kept() {
        let file = read(FILE, ["Lambda-GB-Second"]).unwrap();
        assert_eq!(file.rows.len(), 2);
        assert!(file.rows.iter().all(|row| row.usage_type == "Lambda-GB-Second"));
    }

    #[test]
    fn a_line_without_end_and_a_price_without_end_are_refused() {
        let mut reader = OfferReader::of([]);
        let error = (0..=LONGEST_LINE / 1024).find_map(|_| reader.push(&[b'x'; 1024]).err());
        assert!(error.expect("a limit").contains("too long"));
        let mut reader = OfferReader::of(["Lambda-GB-Second"]);
        reader.push(FILE.as_bytes()).unwrap();
        let price = "\"A\",\"J\",\"A.J.2\",\"OnDemand\",\"b\",\"2026-11-01\",\"0\",\"Inf\",\"s\",\
             \"1\",\"USD\",\"Lambda-GB-Second\",\"\"\n";
        let error = (0..=MOST_ROWS).find_map(|_| reader.push(price.as_bytes()).err());
        assert!(error.expect("a limit").contains("too often"));
    }

    #[test]
    fn regions_have_prefixes() {
        for (one, other, same) in [
            ("Request", "EU-Request", true),
            ("USE1-Fargate-GB-Hours", "APN1-Fargate-GB-Hours", true),
            ("Lambda-GB-Second", "Lambda-GB-Second-ARM", false),
            ("LoadBalancerUsage", "USW2-LoadBalancerUsage", true),
            ("BoxUsage:t3.small", "EU-BoxUsage:t3.small", true),
            ("BoxUsage:t3.small", "EU-UnusedBox:t3.small", false),
        ] {
            assert_eq!(without_region(one) == without_region(other), same, "{one} {other}");
        }
    }
}
