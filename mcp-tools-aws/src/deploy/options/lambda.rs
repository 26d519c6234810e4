use rust_decimal::Decimal;

use super::shared::{load_balancer, nat_gateway, transfer};
use crate::deploy::{
    Architecture, Workload,
    estimate::Bill,
    prices::RegionPrices,
    workload::{decimal, gb},
};

/// What stands before the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    FunctionUrl,
    HttpApi,
    RestApi,
    LoadBalancer,
    WebSocketApi,
}

/// An invocation's hard limit.
const LONGEST_INVOCATION: u32 = 900;
/// 200 MB streamed, 6 MB otherwise, 1 MB through a load balancer, 128 KB over WebSocket; in KB.
const STREAMED_KB: u32 = 200 * 1024;
const BUFFERED_KB: u32 = 6 * 1024;
/// What the first of a streamed answer costs nothing, in KB.
const STREAMED_FREE_KB: u32 = 6 * 1024;

pub(super) fn bill(door: Door, workload: &Workload, prices: &RegionPrices) -> Result<Bill, String> {
    check(door, workload)?;
    let mut bill = Bill::default();
    function(&mut bill, workload, prices);
    if workload.streaming && door.streams() {
        let beyond = (workload.payload() - Decimal::from(STREAMED_FREE_KB)).max(Decimal::ZERO);
        let streamed = gb(workload.requests() * beyond);
        let free = Decimal::ONE_HUNDRED;
        bill.add_with_free("Streamed beyond 6 MB", &prices.lambda.streamed, streamed, free);
    }
    let gateway = &prices.api_gateway;
    let metered = |kb: u32| (workload.payload() / Decimal::from(kb)).ceil().max(Decimal::ONE);
    match door {
        Door::FunctionUrl => {}
        Door::HttpApi => {
            bill.add("HTTP API requests", &gateway.http, workload.requests() * metered(512));
        }
        Door::RestApi => bill.add("REST API requests", &gateway.rest, workload.requests()),
        Door::LoadBalancer => load_balancer(&mut bill, workload, prices, decimal(0.4)),
        Door::WebSocketApi => {
            let messages = workload.requests() * (Decimal::ONE + metered(32));
            bill.add("WebSocket messages", &gateway.websocket_messages, messages);
            let minutes =
                Decimal::from(workload.open_connections) * workload.up_hours() * Decimal::from(60);
            bill.add("WebSocket connection minutes", &gateway.websocket_minutes, minutes);
            if workload.open_connections == 0 {
                bill.note("Connection minutes are left out: give `open_connections`.");
            }
        }
    }
    transfer(&mut bill, workload, prices);
    nat_gateway(&mut bill, workload, prices);
    bill.add("Logs ingested", &prices.logs.lambda, workload.logs_gb());
    Ok(bill)
}

/// The function itself.
fn function(bill: &mut Bill, workload: &Workload, prices: &RegionPrices) {
    let lambda = &prices.lambda;
    let (duration, provisioned, provisioned_duration) = match workload.architecture {
        Architecture::X86_64 => {
            (&lambda.duration_x86, &lambda.provisioned_x86, &lambda.provisioned_duration_x86)
        }
        Architecture::Arm64 => {
            (&lambda.duration_arm, &lambda.provisioned_arm, &lambda.provisioned_duration_arm)
        }
    };
    // The free tier is not for functions with provisioned concurrency.
    let free = |amount: u32| match workload.provisioned_concurrency {
        0 => Decimal::from(amount),
        _ => Decimal::ZERO,
    };
    bill.add_with_free("Requests", &lambda.requests, workload.requests(), free(1_000_000));

    let (requests, gb) = (workload.requests(), workload.function_gb());
    let work = requests * workload.seconds() * gb;
    let environments = Decimal::from(workload.provisioned_concurrency);
    // What exceeds the environments that are kept ready is billed on demand.
    let ready = match workload.mean_concurrency() {
        busy if busy.is_zero() => Decimal::ZERO,
        busy => (environments / busy).min(Decimal::ONE),
    };
    let cold = decimal(workload.cold_start_percent) / Decimal::ONE_HUNDRED;
    let init = requests * cold * Decimal::from(workload.init_ms) / Decimal::ONE_THOUSAND * gb;
    let on_demand = work * (Decimal::ONE - ready);
    // One price and one free tier for both.
    let cost = duration.cost(on_demand);
    bill.add_with_free("Duration", duration, on_demand, free(400_000));
    let with_init = duration.cost(on_demand + init);
    bill.add_cost("INIT phases of cold starts", duration, init, with_init - cost);
    let kept = environments * workload.up_hours() * Decimal::from(3600) * gb;
    bill.add("Provisioned concurrency", provisioned, kept);
    bill.add("Duration in provisioned environments", provisioned_duration, work * ready);
    if workload.cold_start_percent == 0.0 && workload.provisioned_concurrency == 0 {
        bill.note("INIT phases of cold starts, which are billed, are left out: give `cold_start_percent`.");
    }
}

impl Door {
    /// Whether an answer can be streamed through it.
    const fn streams(self) -> bool {
        matches!(self, Self::FunctionUrl | Self::RestApi)
    }

    const fn longest_seconds(self, streaming: bool) -> u32 {
        match self {
            Self::FunctionUrl | Self::LoadBalancer => LONGEST_INVOCATION,
            Self::RestApi if streaming => LONGEST_INVOCATION,
            Self::HttpApi => 30,
            // 29 s can be raised for regional REST APIs, at the price of the account's throttle.
            Self::RestApi | Self::WebSocketApi => 29,
        }
    }

    const fn largest_kb(self, streaming: bool) -> u32 {
        match self {
            Self::FunctionUrl | Self::RestApi if streaming => STREAMED_KB,
            Self::FunctionUrl | Self::RestApi | Self::HttpApi => BUFFERED_KB,
            Self::LoadBalancer => 1024,
            Self::WebSocketApi => 128,
        }
    }
}

fn check(door: Door, workload: &Workload) -> Result<(), String> {
    let longest = door.longest_seconds(workload.streaming);
    if workload.longest_seconds() > longest.into() {
        return Err(format!(
            "a request may take {longest} s here, and yours takes {} s",
            workload.longest_seconds().normalize()
        ));
    }
    if workload.streaming && !door.streams() {
        return Err("answers cannot be streamed through it".to_owned());
    }
    let largest = door.largest_kb(workload.streaming);
    if workload.payload() > largest.into() {
        return Err(format!("an answer may have {largest} KB here"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Usd, deploy::Prices};

    fn total(door: Door, workload: &Workload) -> Usd {
        let prices = Prices::built_in();
        bill(door, workload, prices.of("us-east-1").unwrap()).unwrap().total().into()
    }

    /// Nothing but the function.
    fn bare(requests_per_month: u64) -> Workload {
        Workload {
            duration_ms: 2000,
            memory_mb: 1024,
            payload_kb: 0.0,
            log_kb_per_request: 0.0,
            architecture: Architecture::X86_64,
            ..Workload::new(requests_per_month)
        }
    }

    #[test]
    fn each_door_adds_its_price() {
        let workload = bare(1_000_000);
        for (door, cost) in [
            (Door::FunctionUrl, "$33.53"),
            (Door::HttpApi, "$34.53"),
            (Door::RestApi, "$37.03"),
            // 16.425 hours, 11.11 units, 7.30 addresses.
            (Door::LoadBalancer, "$57.35"),
            (Door::WebSocketApi, "$35.53"),
        ] {
            assert_eq!(total(door, &workload).to_string(), cost, "{door:?}");
        }
    }

    #[test]
    fn an_http_api_meters_each_512_kb() {
        let mut workload = bare(1_000_000);
        workload.payload_kb = 513.0;
        let url = total(Door::FunctionUrl, &workload);
        assert_eq!((total(Door::HttpApi, &workload) - url).to_string(), "$2.00");
    }

    #[test]
    fn provisioned_concurrency_is_paid_for_while_it_waits_and_makes_work_cheaper() {
        let mut workload = bare(1_000_000);
        workload.provisioned_concurrency = 1;
        // Kept: 730 h * 3600 s * 0.0000041667 = 10.95; work: 2e6 * 0.0000097222 = 19.44.
        assert_eq!(total(Door::FunctionUrl, &workload).to_string(), "$30.59");
        // All of it in half the hours: kept 5.48, two thirds of the work 12.78, the rest on demand 11.43.
        workload.hours_per_day = 12;
        assert_eq!(total(Door::FunctionUrl, &workload).to_string(), "$29.88");
    }

    #[test]
    fn work_beyond_provisioned_concurrency_is_on_demand() {
        let mut workload = bare(10_000_000);
        workload.provisioned_concurrency = 1;
        let prices = Prices::built_in();
        let bill = bill(Door::FunctionUrl, &workload, prices.of("us-east-1").unwrap()).unwrap();
        let bill = bill.finish(crate::Target::LambdaFunctionUrl);
        let quantity = |item: &str| {
            bill.lines.iter().find(|line| line.item == item).map(|line| line.quantity.round())
        };
        // One environment works 2,628,000 GB-seconds of the 20,000,000.
        assert_eq!(quantity("Duration in provisioned environments"), Some(2_628_000.0));
        assert_eq!(quantity("Duration"), Some(17_372_000.0));
        assert_eq!(bill.monthly_usd, bill.monthly_usd_with_free_tier);
    }

    #[test]
    fn init_is_billed() {
        let mut workload = bare(1_000_000);
        workload.cold_start_percent = 1.0;
        workload.init_ms = 500;
        // 10,000 cold starts of half a second: 5,000 GB-seconds.
        let extra =
            total(Door::FunctionUrl, &workload) - total(Door::FunctionUrl, &bare(1_000_000));
        assert_eq!(extra.to_string(), "$0.08");
    }

    #[test]
    fn a_door_that_cannot_is_left_out_with_the_reason() {
        let prices = Prices::built_in();
        let refuse = |door, workload: &Workload| {
            bill(door, workload, prices.of("us-east-1").unwrap()).expect_err("impossible")
        };
        let mut long = bare(1);
        long.longest_call_seconds = Some(60);
        assert!(refuse(Door::HttpApi, &long).contains("30 s"));
        assert!(refuse(Door::RestApi, &long).contains("29 s"));
        long.longest_call_seconds = Some(1000);
        assert!(refuse(Door::FunctionUrl, &long).contains("900 s"));
        let mut large = bare(1);
        large.payload_kb = 7000.0;
        assert!(refuse(Door::FunctionUrl, &large).contains("6144 KB"));
        large.streaming = true;
        assert!(refuse(Door::HttpApi, &large).contains("streamed"));
        assert!(total(Door::FunctionUrl, &large) > Usd::ZERO);
    }

    #[test]
    fn only_what_is_streamed_beyond_6_mb_is_billed() {
        let mut workload = bare(1_000_000);
        workload.streaming = true;
        workload.payload_kb = 7.0 * 1024.0;
        let mut buffered = workload.clone();
        buffered.streaming = false;
        let prices = Prices::built_in();
        let streamed = bill(Door::FunctionUrl, &workload, prices.of("us-east-1").unwrap()).unwrap();
        let streamed = streamed.finish(crate::Target::LambdaFunctionUrl);
        let line = streamed.lines.iter().find(|line| line.item.starts_with("Streamed")).unwrap();
        assert_eq!((line.quantity, line.usd.to_string()), (976.5625, "$7.81".to_owned()));
    }
}
