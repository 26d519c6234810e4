use std::collections::HashSet;

use super::super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{DESCRIBE_ADDRESSES, DESCRIBE_INSTANCES, DESCRIBE_INTERFACES, name_tag}, scope::{Problem, Scope}};

pub(super) static CHECK: Check = Check {
    id: "ec2_idle_public_addresses",
    service: "ec2",
    finds: "Elastic IP addresses of stopped instances and of network interfaces that are attached to nothing.",
    apis: &[&DESCRIBE_ADDRESSES, &DESCRIBE_INSTANCES, &DESCRIBE_INTERFACES],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let stopped: HashSet<&str> = scope
        .instances()
        .await?
        .iter()
        .filter(|instance| instance.is("stopped"))
        .map(|instance| instance.instance_id.as_str())
        .collect();
    let detached: HashSet<&str> = scope
        .interfaces()
        .await?
        .iter()
        .filter(|interface| interface.status == "available")
        .map(|interface| interface.network_interface_id.as_str())
        .collect();
    for address in scope.addresses().await? {
        let instance = address.instance_id.as_deref().filter(|id| stopped.contains(id));
        let interface = address.network_interface_id.as_deref().filter(|id| detached.contains(id));
        let reason = match (instance, interface) {
            (Some(instance), _) => format!("belongs to {instance}, which is stopped"),
            (None, Some(interface)) => format!("belongs to {interface}, which is attached to nothing"),
            (None, None) => continue,
        };
        let rates = scope.rates();
        let id = address.allocation_id.as_deref().unwrap_or(&address.public_ip);
        found.add(
            Finding::new(
                scope,
                "ec2",
                &format!("elastic-ip/{id}"),
                format!("The address {} {reason}.", address.public_ip),
            )
            .name(name_tag(&address.tag_set))
            .now("AssociationId", address.association_id.as_deref().unwrap_or("none"))
            .saves(rates.hourly(&rates.network.public_ipv4, 1.into(), scope.region()))
            .confidence(Confidence::Medium)
            .verify("ec2 describe-addresses", &["--public-ips", &address.public_ip]),
        );
    }
    Ok(())
}
