//! A region's prices as the text of a file, which `Prices::with` reads.

use std::fmt::Write as _;

use super::{
    Architecture,
    prices::{Instance, RegionPrices},
};

/// The text of a region's file, in the form of `prices/us-east-1.toml`.
pub(super) fn price_file(prices: &RegionPrices) -> String {
    // Naming the prices takes what changes them.
    let mut prices = prices.clone();
    let mut file = format!(
        "# List prices of AWS in {0}, in US dollars, as its public Price List states them.\n\n\
         region = \"{0}\"\n",
        prices.region
    );
    // Writing to a string does not fail.
    if let Some(borrowed) = &prices.borrowed {
        let names: Vec<String> = borrowed.prices.iter().map(|name| format!("\"{name}\"")).collect();
        let names = names.join(", ");
        let _ = writeln!(file, "borrowed = {{ from = \"{}\", prices = [{names}] }}", borrowed.from);
    }
    let mut section = String::new();
    let instances = std::mem::take(&mut prices.instances);
    for (place, price) in prices.each() {
        let Some((of, name)) = place.split_once('.') else { continue };
        if of != section {
            of.clone_into(&mut section);
            let _ = writeln!(file, "\n[{section}]");
        }
        let _ = writeln!(file, "{name} = {}", price.to_line());
    }
    for Instance { name, architecture, vcpu, memory_mb, price } in &instances {
        let architecture = match architecture {
            Architecture::X86_64 => "x86_64",
            Architecture::Arm64 => "arm64",
        };
        let _ = write!(
            file,
            "\n[[instances]]\nname = \"{name}\"\narchitecture = \"{architecture}\"\nvcpu = {vcpu}\n\
             memory_mb = {memory_mb}\nprice = {}\n",
            price.to_line()
        );
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::{Prices, prices::Borrowed};

    #[test]
    fn a_file_says_all_that_is_known() {
        let prices = Prices::built_in();
        let mut prices = prices.of("us-east-1").expect("us-east-1").clone();
        for borrowed in [None, Some(vec![]), Some(vec!["logs.lambda".to_owned()])] {
            prices.borrowed =
                borrowed.map(|prices| Borrowed { from: "eu-west-1".to_owned(), prices });
            let file = price_file(&prices);
            let read = Prices::empty().with(&file).unwrap_or_else(|error| panic!("{error}"));
            let read = read.of("us-east-1").expect("us-east-1");
            assert_eq!(format!("{read:?}"), format!("{prices:?}"));
        }
    }

    #[test]
    fn what_is_not_sold_is_not_in_the_file() {
        let prices = Prices::built_in();
        let mut prices = prices.of("us-east-1").expect("us-east-1").clone();
        prices.agentcore = None;
        prices.instances.clear();
        let file = price_file(&prices);
        assert!(!file.contains("agentcore") && !file.contains("[[instances]]"), "{file}");
        let read = Prices::empty().with(&file).unwrap_or_else(|error| panic!("{error}"));
        assert!(read.of("us-east-1").expect("us-east-1").instances.is_empty());
    }
}
