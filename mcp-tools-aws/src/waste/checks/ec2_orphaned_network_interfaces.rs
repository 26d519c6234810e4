use super::super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{DESCRIBE_INTERFACES}, scope::{Problem, Scope}};

pub(super) static CHECK: Check = Check {
    id: "ec2_orphaned_network_interfaces",
    service: "ec2",
    finds: "Network interfaces that are attached to nothing. They cost nothing, but hold addresses and security groups.",
    apis: &[&DESCRIBE_INTERFACES],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    for interface in scope.interfaces().await? {
        if interface.status != "available" {
            continue;
        }
        let id = interface.network_interface_id.as_str();
        found.add(
            Finding::new(
                scope,
                "ec2",
                &format!("network-interface/{id}"),
                "A network interface that is attached to nothing. When it was made is not known.",
            )
            .name(interface.description.as_deref())
            .now("Status", &interface.status)
            .confidence(Confidence::Medium)
            .verify("ec2 describe-network-interfaces", &["--network-interface-ids", id]),
        );
    }
    Ok(())
}
