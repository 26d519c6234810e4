use super::super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{DESCRIBE_ADDRESSES, name_tag}, scope::{Problem, Scope}};

pub(super) static CHECK: Check = Check {
    id: "ec2_unassociated_addresses",
    service: "ec2",
    finds: "Elastic IP addresses that are associated with nothing; each public IPv4 address is billed by the hour.",
    apis: &[&DESCRIBE_ADDRESSES],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    for address in scope.addresses().await? {
        let associated = [&address.association_id, &address.instance_id, &address.network_interface_id];
        if associated.into_iter().flatten().any(|id| !id.is_empty()) {
            continue;
        }
        let rates = scope.rates();
        let id = address.allocation_id.as_deref().unwrap_or(&address.public_ip);
        found.add(
            Finding::new(
                scope,
                "ec2",
                &format!("elastic-ip/{id}"),
                format!("The address {} is associated with nothing.", address.public_ip),
            )
            .name(name_tag(&address.tag_set))
            .now("AssociationId", "none")
            .saves(rates.hourly(&rates.network.public_ipv4, 1.into(), scope.region()))
            .confidence(Confidence::High)
            .verify("ec2 describe-addresses", &["--public-ips", &address.public_ip]),
        );
    }
    Ok(())
}
