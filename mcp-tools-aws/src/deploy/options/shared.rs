//! What several places have in common.

use rust_decimal::Decimal;

use crate::deploy::{Workload, estimate::Bill, prices::RegionPrices};

/// What goes out to the internet, of which each account has 100 GB a month for nothing.
pub(super) fn transfer(bill: &mut Bill, workload: &Workload, prices: &RegionPrices) {
    let price = &prices.network.transfer_out;
    bill.add_with_free("Data transfer out", price, workload.answers_gb(), Decimal::ONE_HUNDRED);
}

/// What a container or an instance logs.
pub(super) fn logs(bill: &mut Bill, workload: &Workload, prices: &RegionPrices) {
    bill.add("Logs ingested", &prices.logs.other, workload.logs_gb());
}

/// An Application Load Balancer in two zones, around the clock.
///
/// A capacity unit has 25 new connections a second, 3,000 open ones, and so much data an hour: 1 GB,
/// or 0.4 GB where a Lambda function answers. What is exceeded most is billed.
pub(super) fn load_balancer(
    bill: &mut Bill,
    workload: &Workload,
    prices: &RegionPrices,
    gb_per_unit: Decimal,
) {
    let hours = workload.month_hours();
    bill.add("Load balancer hours", &prices.load_balancer.hours, hours);
    let new = workload.requests() / Decimal::from(3600) / Decimal::from(25);
    let open = workload.mean_concurrency().max(workload.open_connections.into())
        / Decimal::from(3000)
        * workload.up_hours();
    let data = workload.answers_gb() / gb_per_unit;
    let units = new.max(open).max(data);
    bill.add("Load balancer capacity units", &prices.load_balancer.capacity, units);
    let addresses = Decimal::TWO * hours;
    bill.add("Public IPv4 addresses of the load balancer", &prices.network.public_ipv4, addresses);
    bill.note(
        "The load balancer is counted with a new connection for each request, which is the most.",
    );
}

/// The way out of private subnets, where it is wanted.
pub(super) fn nat_gateway(bill: &mut Bill, workload: &Workload, prices: &RegionPrices) {
    if workload.nat_gateway {
        bill.add("NAT gateway hours", &prices.network.nat_hours, workload.month_hours());
        bill.add("NAT gateway data", &prices.network.nat_data, workload.answers_gb());
        bill.note(
            "One NAT gateway, and as much data through it as the answers have; one for each zone \
             costs as much again.",
        );
    }
}
