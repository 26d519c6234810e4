use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Target, Workload, prices::RegionPrices};

/// More requests a month than anyone has.
const MOST_REQUESTS: u64 = 1_000_000_000_000;

/// Where a place that is paid by the hour gets cheaper than one that is paid by the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BreakEven {
    /// The cheaper place below.
    pub below: Target,
    /// The cheaper place from there on.
    pub above: Target,
    /// The requests a month at which the two cost the same, to three digits, free tiers left out.
    pub requests_per_month: u64,
}

/// The number of requests at which `above` gets cheaper than `below`, all else being equal.
///
/// Both costs rise with the requests, that of an hourly place in steps; the first crossing that
/// bisection finds is good enough to three digits.
pub(super) fn break_even(
    below: Target,
    above: Target,
    workload: &Workload,
    prices: &RegionPrices,
) -> Option<BreakEven> {
    let lead = |requests: u64| -> Option<Decimal> {
        let workload = Workload { requests_per_month: requests, ..workload.clone() };
        let total = |target: Target| target.bill(&workload, prices).ok().map(|bill| bill.total());
        Some(total(above)? - total(below)?)
    };
    if lead(0)? <= Decimal::ZERO {
        return None;
    }
    let mut high = 1000;
    while lead(high)? > Decimal::ZERO {
        high *= 2;
        if high > MOST_REQUESTS {
            return None;
        }
    }
    let mut low = high / 2;
    while high - low > (low / 2000).max(1) {
        let middle = low + (high - low) / 2;
        if lead(middle)? > Decimal::ZERO {
            low = middle;
        } else {
            high = middle;
        }
    }
    let unit = 10_u64.pow(high.max(1).ilog10().saturating_sub(2));
    let requests_per_month = (high + unit / 2) / unit * unit;
    Some(BreakEven { below, above, requests_per_month })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::{Architecture, Prices};

    #[test]
    fn costs_are_the_same_at_the_break_even() {
        let prices = Prices::built_in();
        let prices = prices.of("us-east-1").unwrap();
        let workload = Workload {
            memory_mb: 1024,
            architecture: Architecture::X86_64,
            ..Workload::new(1_000_000)
        };
        let found = break_even(Target::LambdaFunctionUrl, Target::Fargate, &workload, prices);
        let found = found.expect("a break-even").requests_per_month;
        let at = Workload { requests_per_month: found, ..workload };
        let cost = |target: Target| target.bill(&at, prices).unwrap().total();
        let (lambda, fargate) = (cost(Target::LambdaFunctionUrl), cost(Target::Fargate));
        let apart = (lambda - fargate).abs() / fargate;
        assert!(apart < "0.01".parse().unwrap(), "{found}: {lambda} and {fargate}");
    }

    #[test]
    fn what_is_never_cheaper_has_none() {
        let prices = Prices::built_in();
        let prices = prices.of("us-east-1").unwrap();
        let workload = Workload::new(1);
        assert_eq!(break_even(Target::Ec2, Target::Eks, &workload, prices), None);
        assert_eq!(break_even(Target::Fargate, Target::FargateSpot, &workload, prices), None);
    }
}
