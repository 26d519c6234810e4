//! The checks, each in a file of its own.

use super::check::Check;

macro_rules! checks {
    ($($check:ident),+ $(,)?) => {
        $(mod $check;)+

        /// All of them, by service.
        pub(super) static CHECKS: &[&Check] = &[$(&$check::CHECK),+];
    };
}

checks! {
    apigateway_idle_http_apis,
    apigateway_idle_rest_apis,
    cloudwatch_alarms_without_data,
    dynamodb_idle_provisioned_capacity,
    ebs_gp2_volumes,
    ebs_old_snapshots,
    ebs_snapshots_of_deleted_volumes,
    ebs_unattached_volumes,
    ec2_idle_instances,
    ec2_idle_public_addresses,
    ec2_orphaned_network_interfaces,
    ec2_oversized_instances,
    ec2_stopped_instances,
    ec2_unassociated_addresses,
    ec2_unused_images,
    ecr_old_images,
    ecs_idle_services,
    eks_clusters_without_nodes,
    elasticache_idle_clusters,
    elb_empty_target_groups,
    elb_idle_classic_load_balancers,
    elb_idle_load_balancers,
    kms_unused_keys,
    lambda_idle_provisioned_concurrency,
    lambda_unused_functions,
    logs_groups_without_retention,
    logs_groups_without_writes,
    rds_idle_instances,
    rds_old_manual_snapshots,
    s3_buckets_without_lifecycle,
    s3_incomplete_uploads,
    secretsmanager_unused_secrets,
    vpc_idle_nat_gateways,
    vpc_unused_endpoints,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_check_has_a_name_of_its_own_that_begins_with_its_service() {
        let names: HashSet<&str> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(names.len(), CHECKS.len());
        assert!(CHECKS.len() >= 25);
        for check in CHECKS {
            assert!(check.id.starts_with(&format!("{}_", check.service)), "{}", check.id);
            assert!(check.finds.ends_with('.'), "{}", check.id);
            assert!(!check.apis.is_empty(), "{}", check.id);
        }
    }

    #[test]
    fn checks_only_read() {
        for api in CHECKS.iter().flat_map(|check| check.apis) {
            let (_, action) = api.action.split_once(':').expect("a service and an action");
            let reads =
                ["Describe", "List", "Get", "GET"].iter().any(|verb| action.starts_with(verb));
            assert!(reads, "{}", api.action);
        }
    }
}
