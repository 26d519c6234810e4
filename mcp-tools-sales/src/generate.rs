use std::io::{self, Write};

use chrono::{Days, NaiveDate};

const PRODUCTS: u64 = 2_000;
const OPERATIONS: u64 = 500;
const CATEGORIES: [&str; 3] = ["Furniture", "Office Supplies", "Technology"];
/// 2014 to 2023.
const DAYS: u64 = 3_652;

/// Writes `rows` order lines of made-up sales as CSV that a [`SalesStore`](crate::SalesStore)
/// loads.
///
/// The same `rows` and `seed` give the same bytes on every machine. The lines run by date through
/// the ten years from 2014 to 2023 and spread over 2,000 products in 3 categories and 500
/// operations (Dallas, Branch 2, Branch 3, …), a few of which sell most. One line in 50 is a
/// return. A row takes about 60 bytes.
///
/// # Errors
///
/// When the writer fails.
///
/// ```
/// use mcp_tools_sales::{SalesStore, generate};
///
/// let mut csv = Vec::new();
/// generate(1_000, 42, &mut csv)?;
/// assert_eq!(SalesStore::from_reader("generated", &csv[..])?.order_lines(), 1_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn generate(rows: u64, seed: u64, mut writer: impl Write) -> io::Result<()> {
    writer.write_all(b"date,product,category,operation,units,revenue\n")?;
    let mut random = SplitMix(seed);
    let start = NaiveDate::from_ymd_opt(2014, 1, 1).unwrap_or_default();
    for row in 0..rows {
        let day = u64::try_from(u128::from(row) * u128::from(DAYS) / u128::from(rows)).unwrap_or(0);
        let date = start + Days::new(day);
        let product = random.skewed(PRODUCTS) + 1;
        let category = CATEGORIES[usize::try_from(product % 3).unwrap_or(0)];
        let operation = random.skewed(OPERATIONS) + 1;
        let units = random.below(14) + 1;
        // Each product has its price, from 1.0000 to 500.9999, with a discount of up to a half.
        let price = 10_000 + SplitMix(product).below(5_000_000);
        let revenue = price * units * (100 - random.below(51)) / 100;
        let sign = if random.below(50) == 0 { "-" } else { "" };
        // One name in ten needs quotes, as in real data.
        if product.is_multiple_of(10) {
            write!(writer, "{date},\"Product {product}, 8 1/2\"\" x 11\"\"\",{category},")?;
        } else {
            write!(writer, "{date},Product {product},{category},")?;
        }
        if operation == 1 {
            writer.write_all(b"Dallas")?;
        } else {
            write!(writer, "Branch {operation}")?;
        }
        writeln!(writer, ",{sign}{units},{sign}{}.{:04}", revenue / 10_000, revenue % 10_000)?;
    }
    writer.flush()
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
/// Ours, because the `rand` crate does not promise the same numbers in its next version.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `end` - 1; the bias is below `end` / 2^32.
    fn below(&mut self, end: u64) -> u64 {
        ((self.next() >> 32) * end) >> 32
    }

    /// From 0 to `end` - 1, the small ones more often: half of the draws fall in the first fifth.
    fn skewed(&mut self, end: u64) -> u64 {
        let end = self.below(end) + 1;
        self.below(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(rows: u64, seed: u64) -> String {
        let mut csv = Vec::new();
        generate(rows, seed, &mut csv).expect("written to memory");
        String::from_utf8(csv).expect("UTF-8")
    }

    #[test]
    fn a_seed_always_gives_the_same_bytes() {
        assert_eq!(
            generated(3, 1),
            "date,product,category,operation,units,revenue\n\
             2014-01-01,Product 846,Furniture,Branch 216,7,1921.9911\n\
             2017-05-02,Product 299,Technology,Branch 161,9,3444.3548\n\
             2020-08-31,Product 146,Technology,Branch 264,10,584.5466\n"
        );
        assert_ne!(generated(3, 1), generated(3, 2));
        assert_eq!(generated(0, 1).lines().count(), 1);
    }

    #[test]
    fn the_first_numbers_of_seed_0_are_the_published_ones() {
        let mut random = SplitMix(0);
        assert_eq!([random.next(), random.next()], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
    }
}
