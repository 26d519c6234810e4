//! The checks, each in a file of its own.

mod apigateway_idle_http_apis;
mod apigateway_idle_rest_apis;
mod cloudwatch_alarms_without_data;
mod dynamodb_idle_provisioned_capacity;
mod ebs_gp2_volumes;
mod ebs_old_snapshots;
mod ebs_snapshots_of_deleted_volumes;
mod ebs_unattached_volumes;
mod ec2_idle_instances;
mod ec2_idle_public_addresses;
mod ec2_orphaned_network_interfaces;
mod ec2_oversized_instances;
mod ec2_stopped_instances;
mod ec2_unassociated_addresses;
mod ec2_unused_images;
mod ecr_old_images;
mod ecs_idle_services;
mod eks_clusters_without_nodes;
mod elasticache_idle_clusters;
mod elb_empty_target_groups;
mod elb_idle_classic_load_balancers;
mod elb_idle_load_balancers;
mod kms_unused_keys;
mod lambda_idle_provisioned_concurrency;
mod lambda_unused_functions;
mod logs_groups_without_retention;
mod logs_groups_without_writes;
mod rds_idle_instances;
mod rds_old_manual_snapshots;
mod s3_buckets_without_lifecycle;
mod s3_incomplete_uploads;
mod secretsmanager_unused_secrets;
mod vpc_idle_nat_gateways;
mod vpc_unused_endpoints;

use super::check::Check;

/// All of them, by service.
pub(super) static CHECKS: &[&Check] = &[
    &apigateway_idle_http_apis::CHECK,
    &apigateway_idle_rest_apis::CHECK,
    &cloudwatch_alarms_without_data::CHECK,
    &dynamodb_idle_provisioned_capacity::CHECK,
    &ebs_gp2_volumes::CHECK,
    &ebs_old_snapshots::CHECK,
    &ebs_snapshots_of_deleted_volumes::CHECK,
    &ebs_unattached_volumes::CHECK,
    &ec2_idle_instances::CHECK,
    &ec2_idle_public_addresses::CHECK,
    &ec2_orphaned_network_interfaces::CHECK,
    &ec2_oversized_instances::CHECK,
    &ec2_stopped_instances::CHECK,
    &ec2_unassociated_addresses::CHECK,
    &ec2_unused_images::CHECK,
    &ecr_old_images::CHECK,
    &ecs_idle_services::CHECK,
    &eks_clusters_without_nodes::CHECK,
    &elasticache_idle_clusters::CHECK,
    &elb_empty_target_groups::CHECK,
    &elb_idle_classic_load_balancers::CHECK,
    &elb_idle_load_balancers::CHECK,
    &kms_unused_keys::CHECK,
    &lambda_idle_provisioned_concurrency::CHECK,
    &lambda_unused_functions::CHECK,
    &logs_groups_without_retention::CHECK,
    &logs_groups_without_writes::CHECK,
    &rds_idle_instances::CHECK,
    &rds_old_manual_snapshots::CHECK,
    &s3_buckets_without_lifecycle::CHECK,
    &s3_incomplete_uploads::CHECK,
    &secretsmanager_unused_secrets::CHECK,
    &vpc_idle_nat_gateways::CHECK,
    &vpc_unused_endpoints::CHECK,
];

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
