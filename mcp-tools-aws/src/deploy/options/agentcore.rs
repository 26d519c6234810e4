use rust_decimal::Decimal;

use super::shared::{logs, transfer};
use crate::deploy::{
    Architecture, Workload, estimate::Bill, prices::RegionPrices, workload::decimal,
};

/// How long a session is kept, and its memory billed, after its last request, by default.
const IDLE_SECONDS: u32 = 900;
/// A session lives no longer.
const LONGEST_SESSION: u32 = 8 * 3600;

/// AgentCore Runtime bills the CPU that a session uses and the memory that it holds until it ends.
pub(super) fn bill(workload: &Workload, prices: &RegionPrices) -> Result<Bill, String> {
    if workload.architecture != Architecture::Arm64 {
        return Err("it runs arm64 images only".to_owned());
    }
    if workload.longest_seconds() > LONGEST_SESSION.into() {
        return Err("a session may last 8 hours".to_owned());
    }
    let Some(agentcore) = &prices.agentcore else {
        return Err(format!("the Price List does not have it in {}", prices.region));
    };
    let mut bill = Bill::default();
    let busy = workload.requests() * workload.seconds();
    let cpu = busy * decimal(workload.cpu_percent) / Decimal::ONE_HUNDRED;
    let sessions = workload.requests() / Decimal::from(workload.requests_per_session);
    let held = (busy + sessions * Decimal::from(IDLE_SECONDS)) * workload.function_gb();
    let hour = Decimal::from(3600);
    bill.add("CPU used", &agentcore.vcpu, cpu / hour);
    bill.add("Memory held", &agentcore.memory, held / hour);
    transfer(&mut bill, workload, prices);
    logs(&mut bill, workload, prices);
    bill.note(format!(
        "One vCPU is busy for {} % of a request; {} requests a session, which then idles for 15 \
         minutes with `memory_mb`.",
        workload.cpu_percent, workload.requests_per_session
    ));
    Ok(bill)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::Prices;

    #[test]
    fn idle_memory_is_paid_for_and_waiting_cpu_is_not() {
        let prices = Prices::built_in();
        let workload = Workload {
            duration_ms: 3000,
            memory_mb: 1024,
            payload_kb: 0.0,
            log_kb_per_request: 0.0,
            ..Workload::new(10_000)
        };
        let bill = bill(&workload, prices.of("us-east-1").unwrap()).unwrap();
        // CPU: 9,000 s = 2.5 h; memory: 30,000 s + 1,000 * 900 s = 258.33 h.
        let expected: Decimal = "2.665".parse().unwrap();
        assert!((bill.total() - expected).abs() < "0.001".parse().unwrap(), "{}", bill.total());
    }

    #[test]
    fn x86_is_impossible() {
        let prices = Prices::built_in();
        let workload = Workload { architecture: Architecture::X86_64, ..Workload::new(1) };
        assert!(bill(&workload, prices.of("us-east-1").unwrap()).is_err());
    }
}
