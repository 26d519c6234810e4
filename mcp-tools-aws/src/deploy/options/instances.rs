use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::shared::{load_balancer, logs, nat_gateway, transfer};
use crate::deploy::{
    Workload,
    estimate::Bill,
    prices::{Instance, RegionPrices},
};

/// What the operating system and the agents take of an instance's memory, in MB.
const SYSTEM_MEMORY_MB: u32 = 512;
/// The disk of an instance, in GB: what the images of ECS and EKS ask for.
const DISK_GB: u32 = 30;

pub(super) fn ecs(workload: &Workload, prices: &RegionPrices) -> Result<Bill, String> {
    let mut bill = Bill::default();
    instances(&mut bill, workload, prices, 2)?;
    load_balancer(&mut bill, workload, prices, Decimal::ONE);
    around(&mut bill, workload, prices);
    Ok(bill)
}

pub(super) fn eks(workload: &Workload, prices: &RegionPrices) -> Result<Bill, String> {
    let mut bill = Bill::default();
    bill.add("Cluster hours", &prices.eks.cluster, workload.month_hours());
    instances(&mut bill, workload, prices, 2)?;
    load_balancer(&mut bill, workload, prices, Decimal::ONE);
    around(&mut bill, workload, prices);
    bill.note("A Kubernetes version in extended support costs six times as much a cluster.");
    Ok(bill)
}

pub(super) fn single(workload: &Workload, prices: &RegionPrices) -> Result<Bill, String> {
    let mut bill = Bill::default();
    // A single machine needs no second task.
    let one = Workload { tasks: Some(workload.tasks.unwrap_or(1)), ..workload.clone() };
    instances(&mut bill, &one, prices, 1)?;
    around(&mut bill, workload, prices);
    bill.note(
        "No load balancer: TLS, restarts and updates are yours, and one zone is all there is.",
    );
    Ok(bill)
}

/// The cheapest type that holds the tasks, and how many of it.
fn instances(
    bill: &mut Bill,
    workload: &Workload,
    prices: &RegionPrices,
    least: u32,
) -> Result<(), String> {
    let fit = |instance: &Instance| {
        let vcpu = (Decimal::from(instance.vcpu) / workload.vcpu()).floor();
        let memory = instance.memory_mb.saturating_sub(SYSTEM_MEMORY_MB) / workload.task_memory_mb;
        vcpu.min(memory.into())
    };
    let best = prices
        .instances
        .iter()
        .filter(|instance| instance.architecture == workload.architecture)
        .filter(|instance| fit(instance) >= Decimal::ONE)
        .map(|instance| {
            let count = (workload.task_count() / fit(instance)).ceil().max(least.into());
            (count, instance)
        })
        .min_by_key(|(count, instance)| count * instance.price.first());
    let Some((count, instance)) = best else {
        return Err(format!(
            "no instance type whose price is known holds a task of {} vCPU and {} MB",
            workload.task_vcpu, workload.task_memory_mb
        ));
    };
    let hours = count * workload.up_hours();
    bill.add(&format!("EC2 {}", instance.name), &instance.price, hours);
    bill.add("EBS gp3", &prices.storage.gp3, count * Decimal::from(DISK_GB));
    if !workload.nat_gateway {
        bill.add("Public IPv4 addresses of the instances", &prices.network.public_ipv4, hours);
    }
    bill.note(format!("{} × {}.", count.to_u64().unwrap_or(u64::MAX), instance.name));
    Ok(())
}

fn around(bill: &mut Bill, workload: &Workload, prices: &RegionPrices) {
    nat_gateway(bill, workload, prices);
    transfer(bill, workload, prices);
    logs(bill, workload, prices);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::Prices;

    fn first_note(workload: &Workload, least: u32) -> Result<String, String> {
        let prices = Prices::built_in();
        let mut bill = Bill::default();
        instances(&mut bill, workload, prices.of("us-east-1").unwrap(), least)?;
        Ok(bill.finish(crate::Target::EcsOnEc2).notes.remove(0))
    }

    #[test]
    fn the_cheapest_type_that_holds_the_tasks_is_taken() {
        let mut workload = Workload::new(1);
        assert_eq!(first_note(&workload, 2), Ok("2 × t4g.small.".to_owned()));
        workload.tasks = Some(4);
        // Four small ones hold one task each at 0.0168, two medium ones three at 0.0336.
        assert_eq!(first_note(&workload, 2), Ok("4 × t4g.small.".to_owned()));
        workload.task_memory_mb = 2048;
        assert_eq!(first_note(&workload, 2), Ok("4 × t4g.medium.".to_owned()));
        workload.task_vcpu = 4.0;
        workload.task_memory_mb = 8192;
        assert!(first_note(&workload, 2).unwrap_err().contains("4 vCPU"));
    }

    #[test]
    fn a_cluster_is_73_dollars_in_a_month_of_730_hours() {
        let prices = Prices::built_in();
        let bill = eks(&Workload::new(1), prices.of("us-east-1").unwrap()).unwrap();
        let lines = bill.finish(crate::Target::Eks).lines;
        assert_eq!(
            (lines[0].item.as_str(), lines[0].usd.to_string()),
            ("Cluster hours", "$73.00".into())
        );
    }
}
