use rust_decimal::Decimal;

use super::shared::{load_balancer, logs, nat_gateway, transfer};
use crate::{
    deploy::{Architecture, Workload, estimate::Bill, prices::RegionPrices},
    price::Price,
};

pub(super) fn fargate(workload: &Workload, prices: &RegionPrices) -> Bill {
    let mut bill = Bill::default();
    tasks(&mut bill, workload, prices, Decimal::ONE);
    around(&mut bill, workload, prices);
    bill
}

pub(super) fn fargate_spot(workload: &Workload, prices: &RegionPrices) -> Bill {
    let mut bill = Bill::default();
    let share = prices.fargate.spot_share.first();
    tasks(&mut bill, workload, prices, share);
    around(&mut bill, workload, prices);
    bill.note(format!(
        "Spot moves with supply; counted at {share} of the on-demand price, which is the least that \
         AWS names."
    ));
    bill
}

/// Express Mode itself costs nothing; what it sets up does.
pub(super) fn express(workload: &Workload, prices: &RegionPrices) -> Bill {
    let mut bill = fargate(workload, prices);
    bill.note(
        "Up to 25 Express Mode services of one network share a load balancer: the second one costs \
         none.",
    );
    bill
}

/// The containers.
pub(super) fn tasks(bill: &mut Bill, workload: &Workload, prices: &RegionPrices, share: Decimal) {
    let fargate = &prices.fargate;
    let (vcpu, memory) = match workload.architecture {
        Architecture::X86_64 => (&fargate.vcpu_x86, &fargate.memory_x86),
        Architecture::Arm64 => (&fargate.vcpu_arm, &fargate.memory_arm),
    };
    let hours = workload.task_count() * workload.up_hours();
    let mut add = |item, price: &Price, quantity| {
        bill.add_cost(item, price, quantity, price.cost(quantity) * share);
    };
    add("Fargate vCPU", vcpu, hours * workload.vcpu());
    add("Fargate memory", memory, hours * workload.task_gb());
    bill.note(format!(
        "{} tasks of {} vCPU and {} MB.",
        workload.task_count(),
        workload.task_vcpu,
        workload.task_memory_mb
    ));
}

/// What stands around the containers.
fn around(bill: &mut Bill, workload: &Workload, prices: &RegionPrices) {
    load_balancer(bill, workload, prices, Decimal::ONE);
    if !workload.nat_gateway {
        let addresses = workload.task_count() * workload.up_hours();
        bill.add("Public IPv4 addresses of the tasks", &prices.network.public_ipv4, addresses);
    }
    nat_gateway(bill, workload, prices);
    transfer(bill, workload, prices);
    logs(bill, workload, prices);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Usd, deploy::Prices};

    fn compute(workload: &Workload, share: Decimal) -> Usd {
        let prices = Prices::built_in();
        let mut bill = Bill::default();
        tasks(&mut bill, workload, prices.of("us-east-1").unwrap(), share);
        bill.total().into()
    }

    #[test]
    fn a_task_is_paid_by_its_size_and_hours() {
        let mut workload = Workload {
            architecture: Architecture::X86_64,
            tasks: Some(1),
            task_vcpu: 1.0,
            task_memory_mb: 2048,
            days_per_month: Some(31),
            ..Workload::new(0)
        };
        // 744 h * (0.04048 + 2 * 0.004445)
        assert_eq!(compute(&workload, Decimal::ONE).to_string(), "$36.73");
        workload.architecture = Architecture::Arm64;
        assert_eq!(compute(&workload, Decimal::ONE).to_string(), "$29.39");
        assert_eq!(compute(&workload, "0.3".parse().unwrap()).to_string(), "$8.82");
        workload.hours_per_day = 12;
        assert_eq!(compute(&workload, Decimal::ONE).to_string(), "$14.69");
    }

    #[test]
    fn a_nat_gateway_stands_for_public_addresses() {
        let prices = Prices::built_in();
        let prices = prices.of("us-east-1").unwrap();
        let mut workload = Workload::new(1_000_000);
        let items = |workload: &Workload| -> Vec<String> {
            let lines = fargate(workload, prices).finish(crate::Target::Fargate).lines;
            lines.into_iter().map(|line| line.item).collect()
        };
        assert!(items(&workload).contains(&"Public IPv4 addresses of the tasks".to_owned()));
        workload.nat_gateway = true;
        let items = items(&workload);
        assert!(items.contains(&"NAT gateway hours".to_owned()), "{items:?}");
        assert!(!items.contains(&"Public IPv4 addresses of the tasks".to_owned()), "{items:?}");
    }
}
