//! Each check finds what is of no use, leaves alone what is used or young, and says which permission
//! it lacks.
//!
//! Three things moto cannot tell, and the proxy answers in the documented form instead: provisioned
//! concurrency of Lambda, images that are made of a snapshot, and secrets that were made long ago.

use std::collections::BTreeSet;

use mcp_aws::{Request, service};
use mcp_testing::{Harness, Moto};
use mcp_tools_aws::{
    Confidence, IdentifyUnusedResources, ListWasteChecks, WasteChecks, WasteReport,
};
use serde_json::{Value, json};

use crate::{
    support::stage::{Stage, element, elements, scan_of},
    support::{Asked, Fault},
};

/// Parts of the ARNs of what a check must find, and of what it must not.
#[derive(Default)]
struct Expected {
    wasted: Vec<String>,
    used: Vec<String>,
    /// What moto cannot answer: the operation, and what AWS answers.
    answers: Vec<(&'static str, String)>,
    /// It has no age, so that young ones are found as well.
    ageless: bool,
}

impl Expected {
    fn new(wasted: &[&str], used: &[&str]) -> Self {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Self { wasted: owned(wasted), used: owned(used), ..Self::default() }
    }

    fn answering(self, operation: &'static str, body: impl ToString) -> Self {
        let mut answers = self.answers;
        answers.push((operation, body.to_string()));
        Self { answers, ..self }
    }

    fn ageless(self) -> Self {
        Self { ageless: true, ..self }
    }
}

async fn holds(check: &'static str, stage: &Stage, expected: &Expected) {
    let answers = expected.answers.clone();
    let canned = move |asked: &Asked| {
        let answer = answers.iter().find(|(operation, _)| asked.operation.contains(operation));
        answer.map_or(Fault::None, |(_, body)| Fault::Answer(200, body.clone()))
    };
    let (proxy, mcp) = stage.behind(canned.clone()).await;

    let report: WasteReport = mcp.call(scan_of(&[check])).await.structured();
    assert_eq!(report.problems, [], "{check}");
    assert_eq!(report.partial, None);
    let arns: Vec<&str> = report.findings.iter().map(|finding| finding.arn.as_str()).collect();
    for wasted in &expected.wasted {
        assert!(arns.iter().any(|arn| arn.contains(wasted)), "{check}: {wasted} not in {arns:?}");
    }
    for used in &expected.used {
        assert!(!arns.iter().any(|arn| arn.contains(used)), "{check}: {used} in {arns:?}");
    }
    for finding in &report.findings {
        assert_eq!(finding.check, check);
        assert!(finding.arn.starts_with("arn:aws:"), "{finding:?}");
        assert!(!finding.evidence.is_empty(), "{finding:?}");
        assert!(finding.verify.starts_with("aws "), "{finding:?}");
        assert!(finding.verify.ends_with(" --region us-east-1"), "{finding:?}");
        if let Some(saving) = &finding.monthly_saving {
            assert!(saving.source.starts_with("https://aws.amazon.com/"), "{finding:?}");
        }
    }

    let patient = IdentifyUnusedResources { min_age_days: Some(3650), ..scan_of(&[check]) };
    let report: WasteReport = mcp.call(patient).await.structured();
    assert_eq!(report.findings.is_empty(), !expected.ageless, "{check}: {:?}", report.findings);

    let declared = actions(&mcp, check).await;
    for asked in proxy.take_asked() {
        let action = crate::policy::action(&asked);
        let declared = action == "sts:GetCallerIdentity" || declared.contains(&action);
        assert!(declared, "{check} has not declared {action}");
    }
    for action in declared {
        lacks(check, stage, &action, canned.clone()).await;
    }
}

async fn actions(mcp: &Harness, check: &str) -> BTreeSet<String> {
    let checks: WasteChecks =
        mcp.call(ListWasteChecks { services: vec![check.to_owned()] }).await.structured();
    checks.checks.into_iter().flat_map(|check| check.actions).collect()
}

/// The check says that it lacks this action, and nothing else is said.
async fn lacks(
    check: &str,
    stage: &Stage,
    action: &str,
    canned: impl Fn(&Asked) -> Fault + Send + Sync + 'static,
) {
    let refused = action.to_owned();
    let (_proxy, mcp) = stage
        .behind(move |asked| match crate::policy::action(asked) == refused {
            true => Fault::Refuse(403, "AccessDenied"),
            false => canned(asked),
        })
        .await;
    let outcome = mcp.call(scan_of(&[check])).await;
    let report: WasteReport = outcome.structured();
    let lacking: Vec<Option<&str>> =
        report.problems.iter().map(|problem| problem.lacks_action.as_deref()).collect();
    assert_eq!(lacking, [Some(action)], "{check}: {:?}", report.problems);
    assert!(report.partial.is_some());
    let text = outcome.text();
    assert!(text.contains(action) && !text.contains("hush"), "{text}");
}

/// A test for each check, and one that none is without.
macro_rules! checks {
    ($($check:ident => $stage:expr,)+) => {
        $(
            #[tokio::test]
            async fn $check() {
                let stage = Stage::new().await;
                let set = $stage;
                let expected: Expected = set(&stage).await;
                holds(stringify!($check), &stage, &expected).await;
            }
        )+

        #[tokio::test]
        async fn every_check_has_a_test() {
            let stage = Stage::new().await;
            let mcp = Harness::in_memory(stage.server(Moto::shared().url())).await;
            let listed: WasteChecks = mcp.call(ListWasteChecks::default()).await.structured();
            let listed: Vec<String> = listed.checks.into_iter().map(|check| check.name).collect();
            assert_eq!(listed, [$(stringify!($check)),+]);
        }
    };
}

checks! {
    apigateway_idle_http_apis => async |stage: &Stage| {
        let mut ids = Vec::new();
        for name in ["idle", "busy"] {
            let body = json!({ "name": name, "protocolType": "HTTP" });
            let api = stage.rest(&service::API_GATEWAY, "POST", "/v2/apis", body).await;
            ids.push(api["apiId"].as_str().unwrap().to_owned());
        }
        stage.metric("AWS/ApiGateway", "Count", &[("ApiId", &ids[1])], 7.0).await;
        Expected::new(&[&ids[0]], &[&ids[1]])
    },
    apigateway_idle_rest_apis => async |stage: &Stage| {
        let mut ids = Vec::new();
        for name in ["idle", "busy"] {
            let api = stage.rest(&service::API_GATEWAY, "POST", "/restapis", json!({ "name": name })).await;
            ids.push(api["id"].as_str().unwrap().to_owned());
        }
        stage.metric("AWS/ApiGateway", "Count", &[("ApiName", "busy")], 7.0).await;
        Expected::new(&[&ids[0]], &[&ids[1]])
    },
    cloudwatch_alarms_without_data => async |stage: &Stage| {
        for (name, state) in [("blind", "INSUFFICIENT_DATA"), ("seeing", "OK")] {
            let alarm = json!({
                "AlarmName": name, "Namespace": "N", "MetricName": "M", "Period": 60,
                "EvaluationPeriods": 1, "Threshold": 1.0, "Statistic": "Sum",
                "ComparisonOperator": "GreaterThanThreshold",
            });
            stage.ask(&service::CLOUDWATCH, "PutMetricAlarm", alarm).await;
            let state = json!({ "AlarmName": name, "StateValue": state, "StateReason": "test" });
            stage.ask(&service::CLOUDWATCH, "SetAlarmState", state).await;
        }
        Expected::new(&["alarm:blind"], &["alarm:seeing"])
    },
    dynamodb_idle_provisioned_capacity => async |stage: &Stage| {
        for name in ["idle", "busy", "on-demand"] {
            let mut table = json!({
                "TableName": name,
                "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
                "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
                "ProvisionedThroughput": { "ReadCapacityUnits": 5, "WriteCapacityUnits": 5 },
            });
            if name == "on-demand" {
                table["BillingMode"] = json!("PAY_PER_REQUEST");
                table.as_object_mut().unwrap().remove("ProvisionedThroughput");
            }
            stage.ask(&service::DYNAMODB, "CreateTable", table).await;
        }
        for name in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"] {
            stage.metric("AWS/DynamoDB", name, &[("TableName", "busy")], 2e6).await;
        }
        Expected::new(&["table/idle"], &["table/busy", "table/on-demand"])
    },
    ebs_gp2_volumes => async |stage: &Stage| {
        let (old, new, unattached) =
            (stage.volume("gp2").await, stage.volume("gp3").await, stage.volume("gp2").await);
        stage.attach(&old, "/dev/sdf").await;
        stage.attach(&new, "/dev/sdg").await;
        Expected::new(&[&old], &[&new, &unattached])
    },
    ebs_old_snapshots => async |stage: &Stage| {
        let volume = stage.volume("gp3").await;
        let snapshot = async || {
            stage.ec2("CreateSnapshot", json!({ "VolumeId": volume }), "snapshotId").await
        };
        let (old, used) = (snapshot().await, snapshot().await);
        // Moto's images are made of snapshots of its own only.
        let images = format!(
            "<DescribeImagesResponse><imagesSet><item><imageId>ami-1</imageId><blockDeviceMapping>\
             <item><deviceName>/dev/sda1</deviceName><ebs><snapshotId>{used}</snapshotId>\
             <volumeSize>8</volumeSize></ebs></item></blockDeviceMapping></item></imagesSet>\
             </DescribeImagesResponse>"
        );
        Expected::new(&[&old], &[&used]).answering("DescribeImages", images)
    },
    ebs_snapshots_of_deleted_volumes => async |stage: &Stage| {
        let (gone, there) = (stage.volume("gp3").await, stage.volume("gp3").await);
        let of_gone = stage.ec2("CreateSnapshot", json!({ "VolumeId": gone }), "snapshotId").await;
        let of_there = stage.ec2("CreateSnapshot", json!({ "VolumeId": there }), "snapshotId").await;
        stage.ask(&service::EC2, "DeleteVolume", json!({ "VolumeId": gone })).await;
        let (_, of_image) = create_image(stage, "image").await;
        Expected::new(&[&of_gone], &[&of_there, &of_image])
    },
    ebs_unattached_volumes => async |stage: &Stage| {
        let (unattached, attached) = (stage.volume("gp3").await, stage.volume("gp3").await);
        stage.attach(&attached, "/dev/sdf").await;
        Expected::new(&[&unattached], &[&attached])
    },
    ec2_idle_instances => async |stage: &Stage| {
        let mut ids = Vec::new();
        for cpu in [Some(1.0), Some(60.0), None] {
            let id = stage.instance("m5.large").await;
            if let Some(cpu) = cpu {
                stage.metric("AWS/EC2", "CPUUtilization", &[("InstanceId", &id)], cpu).await;
                stage.metric("AWS/EC2", "NetworkIn", &[("InstanceId", &id)], 1e5).await;
            }
            ids.push(id);
        }
        Expected::new(&[&ids[0]], &[&ids[1], &ids[2]])
    },
    ec2_idle_public_addresses => async |stage: &Stage| {
        let mut allocations = Vec::new();
        for stop in [true, false] {
            let instance = stage.instance("t3.micro").await;
            let id = allocate(stage).await;
            let associate = json!({ "AllocationId": id, "InstanceId": instance });
            stage.ask(&service::EC2, "AssociateAddress", associate).await;
            if stop {
                stage.ask(&service::EC2, "StopInstances", json!({ "InstanceId": [instance] })).await;
            }
            allocations.push(id);
        }
        Expected::new(&[&allocations[0]], &[&allocations[1]]).ageless()
    },
    ec2_orphaned_network_interfaces => async |stage: &Stage| {
        let mut ids = Vec::new();
        for _ in 0..2 {
            let parameters = json!({ "SubnetId": stage.subnet().await });
            ids.push(stage.ec2("CreateNetworkInterface", parameters, "networkInterfaceId").await);
        }
        let instance = stage.instance("t3.micro").await;
        let attach =
            json!({ "NetworkInterfaceId": ids[1], "InstanceId": instance, "DeviceIndex": 1 });
        stage.ask(&service::EC2, "AttachNetworkInterface", attach).await;
        Expected::new(&[&ids[0]], &[&ids[1]]).ageless()
    },
    ec2_oversized_instances => async |stage: &Stage| {
        let mut ids = Vec::new();
        for (cpu, kind) in [(20.0, "m5.xlarge"), (90.0, "m5.xlarge"), (1.0, "m5.xlarge"), (20.0, "m5.large")] {
            let id = stage.instance(kind).await;
            stage.metric("AWS/EC2", "CPUUtilization", &[("InstanceId", &id)], cpu).await;
            ids.push(id);
        }
        Expected::new(&[&ids[0]], &[&ids[1], &ids[2], &ids[3]])
    },
    ec2_stopped_instances => async |stage: &Stage| {
        let (stopped, running) =
            (stage.instance("t3.micro").await, stage.instance("t3.micro").await);
        stage.ask(&service::EC2, "StopInstances", json!({ "InstanceId": [stopped] })).await;
        Expected::new(&[&stopped], &[&running])
    },
    ec2_unassociated_addresses => async |stage: &Stage| {
        let (unused, used) = (allocate(stage).await, allocate(stage).await);
        let instance = stage.instance("t3.micro").await;
        let associate = json!({ "AllocationId": used, "InstanceId": instance });
        stage.ask(&service::EC2, "AssociateAddress", associate).await;
        Expected::new(&[&unused], &[&used]).ageless()
    },
    ec2_unused_images => async |stage: &Stage| {
        let ((unused, _), (used, _)) =
            (create_image(stage, "unused").await, create_image(stage, "used").await);
        stage.instance_of(&used, "t3.micro").await;
        Expected::new(&[&unused], &[&used])
    },
    ecr_old_images => async |stage: &Stage| {
        for name in ["old", "empty"] {
            stage.ask(&service::ECR, "CreateRepository", json!({ "repositoryName": name })).await;
        }
        let digest = format!("sha256:{}", "a".repeat(64));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": { "mediaType": "application/vnd.docker.container.image.v1+json", "size": 7, "digest": digest },
            "layers": [{ "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": 700, "digest": digest }],
        });
        let image = json!({
            "repositoryName": "old", "imageTag": "1", "imageManifest": manifest.to_string(),
        });
        stage.ask(&service::ECR, "PutImage", image).await;
        Expected::new(&["repository/old"], &["repository/empty"])
    },
    ecs_idle_services => async |stage: &Stage| {
        stage.ask(&service::ECS, "CreateCluster", json!({ "clusterName": "main" })).await;
        let task = json!({
            "family": "task", "cpu": "512", "memory": "1024", "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{ "name": "c", "image": "i" }],
        });
        stage.ask(&service::ECS, "RegisterTaskDefinition", task).await;
        let group = stage.ec2("DescribeSecurityGroups", json!({}), "groupId").await;
        for (name, cpu) in [("idle", 0.2), ("busy", 50.0)] {
            let service = json!({
                "cluster": "main", "serviceName": name, "taskDefinition": "task", "desiredCount": 2,
                "launchType": "FARGATE",
                "networkConfiguration": { "awsvpcConfiguration": { "subnets": [stage.subnet().await], "securityGroups": [group] } },
            });
            stage.ask(&service::ECS, "CreateService", service).await;
            let dimensions = [("ClusterName", "main"), ("ServiceName", name)];
            stage.metric("AWS/ECS", "CPUUtilization", &dimensions, cpu).await;
        }
        // Moto does not tell when a service was made.
        Expected::new(&["main/idle"], &["main/busy"]).ageless()
    },
    eks_clusters_without_nodes => async |stage: &Stage| {
        let role = stage.role("eks").await;
        let subnets = stage.subnets().await;
        for name in ["empty", "full"] {
            let cluster = json!({
                "name": name, "roleArn": role, "resourcesVpcConfig": { "subnetIds": subnets },
            });
            stage.rest(&service::EKS, "POST", "/clusters", cluster).await;
        }
        let group = json!({ "nodegroupName": "g", "subnets": subnets, "nodeRole": role });
        stage.rest(&service::EKS, "POST", "/clusters/full/node-groups", group).await;
        Expected::new(&["cluster/empty"], &["cluster/full"])
    },
    elasticache_idle_clusters => async |stage: &Stage| {
        for (name, hits) in [("idle", 0.0), ("busy", 9.0)] {
            let cluster = json!({
                "CacheClusterId": name, "Engine": "redis", "CacheNodeType": "cache.t4g.micro",
                "NumCacheNodes": 1,
            });
            stage.ask(&service::ELASTICACHE, "CreateCacheCluster", cluster).await;
            let dimensions = [("CacheClusterId", name)];
            stage.metric("AWS/ElastiCache", "CacheHits", &dimensions, hits).await;
        }
        Expected::new(&["cluster:idle"], &["cluster:busy"])
    },
    elb_empty_target_groups => async |stage: &Stage| {
        let (vpc, instance) = (stage.vpc().await, stage.instance("t3.micro").await);
        let balancer = load_balancer(stage, "balancer", "application").await;
        let mut groups = Vec::new();
        for (port, name) in (80..).zip(["unused", "empty", "used"]) {
            let group = json!({ "Name": name, "Protocol": "HTTP", "Port": port, "VpcId": vpc });
            let answer = stage.ask(&service::ELB, "CreateTargetGroup", group).await;
            let arn = element(&answer, "TargetGroupArn");
            if name != "unused" {
                let listener = json!({
                    "LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port,
                    "DefaultActions": [{ "Type": "forward", "TargetGroupArn": arn }],
                });
                stage.ask(&service::ELB, "CreateListener", listener).await;
            }
            if name == "used" {
                let targets = json!({ "TargetGroupArn": arn, "Targets": [{ "Id": instance }] });
                stage.ask(&service::ELB, "RegisterTargets", targets).await;
            }
            groups.push(arn);
        }
        Expected::new(&[&groups[0], &groups[1]], &[&groups[2]]).ageless()
    },
    elb_idle_classic_load_balancers => async |stage: &Stage| {
        let instance = stage.instance("t3.micro").await;
        for name in ["idle", "busy"] {
            let balancer = json!({
                "LoadBalancerName": name, "AvailabilityZones": ["us-east-1a"],
                "Listeners": [{ "Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80 }],
            });
            stage.ask(&service::ELB_CLASSIC, "CreateLoadBalancer", balancer).await;
        }
        let instances = json!({ "LoadBalancerName": "busy", "Instances": [{ "InstanceId": instance }] });
        stage.ask(&service::ELB_CLASSIC, "RegisterInstancesWithLoadBalancer", instances).await;
        stage.metric("AWS/ELB", "RequestCount", &[("LoadBalancerName", "busy")], 3.0).await;
        Expected::new(&["loadbalancer/idle"], &["loadbalancer/busy"])
    },
    elb_idle_load_balancers => async |stage: &Stage| {
        let mut wasted = Vec::new();
        let mut used = Vec::new();
        for (kind, namespace, metric) in [
            ("application", "AWS/ApplicationELB", "RequestCount"),
            ("network", "AWS/NetworkELB", "NewFlowCount"),
        ] {
            wasted.push(load_balancer(stage, &format!("idle-{kind}"), kind).await);
            let busy = load_balancer(stage, &format!("busy-{kind}"), kind).await;
            let id = busy.split_once("loadbalancer/").unwrap().1;
            stage.metric(namespace, metric, &[("LoadBalancer", id)], 3.0).await;
            used.push(busy);
        }
        Expected { wasted, used, ..Expected::default() }
    },
    kms_unused_keys => async |stage: &Stage| {
        let mut ids = Vec::new();
        for _ in 0..3 {
            let key: Value =
                serde_json::from_str(&stage.ask(&service::KMS, "CreateKey", json!({})).await).unwrap();
            ids.push(key["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned());
        }
        stage.ask(&service::KMS, "DisableKey", json!({ "KeyId": ids[0] })).await;
        let alias = json!({ "AliasName": "alias/used", "TargetKeyId": ids[2] });
        stage.ask(&service::KMS, "CreateAlias", alias).await;
        Expected::new(&[&ids[0], &ids[1]], &[&ids[2]])
    },
    lambda_idle_provisioned_concurrency => async |stage: &Stage| {
        let (idle, busy) = (function(stage, "idle").await, function(stage, "busy").await);
        let config = |arn: &str| {
            json!({ "ProvisionedConcurrencyConfigs": [{
                "FunctionArn": format!("{arn}:live"),
                "RequestedProvisionedConcurrentExecutions": 10,
                "AvailableProvisionedConcurrentExecutions": 10,
                "AllocatedProvisionedConcurrentExecutions": 10,
                "Status": "READY",
            }] })
        };
        let dimensions = [("FunctionName", "busy"), ("Resource", "busy:live")];
        stage.metric("AWS/Lambda", "ProvisionedConcurrencyInvocations", &dimensions, 4.0).await;
        Expected::new(&["function:idle:live"], &["function:busy"])
            .answering("/functions/idle/provisioned-concurrency", config(&idle))
            .answering("/functions/busy/provisioned-concurrency", config(&busy))
    },
    lambda_unused_functions => async |stage: &Stage| {
        let (unused, used) = (function(stage, "unused").await, function(stage, "used").await);
        stage.metric("AWS/Lambda", "Invocations", &[("FunctionName", "used")], 4.0).await;
        Expected::new(&[&unused], &[&used])
    },
    logs_groups_without_retention => async |stage: &Stage| {
        for name in ["for-ever", "for-a-week"] {
            stage.ask(&service::LOGS, "CreateLogGroup", json!({ "logGroupName": name })).await;
        }
        let retention = json!({ "logGroupName": "for-a-week", "retentionInDays": 7 });
        stage.ask(&service::LOGS, "PutRetentionPolicy", retention).await;
        Expected::new(&["log-group:for-ever"], &["log-group:for-a-week"])
    },
    logs_groups_without_writes => async |stage: &Stage| {
        let now = chrono::Utc::now().timestamp_millis();
        for name in ["silent", "written", "empty"] {
            stage.ask(&service::LOGS, "CreateLogGroup", json!({ "logGroupName": name })).await;
            if name == "empty" {
                continue;
            }
            let stream = json!({ "logGroupName": name, "logStreamName": "s" });
            stage.ask(&service::LOGS, "CreateLogStream", stream).await;
            let events = json!({
                "logGroupName": name, "logStreamName": "s",
                "logEvents": [{ "timestamp": now, "message": "hello" }],
            });
            stage.ask(&service::LOGS, "PutLogEvents", events).await;
        }
        stage.metric("AWS/Logs", "IncomingLogEvents", &[("LogGroupName", "written")], 1.0).await;
        Expected::new(&["log-group:silent"], &["log-group:written", "log-group:empty"])
    },
    rds_idle_instances => async |stage: &Stage| {
        for (name, connections) in [("idle", Some(0.0)), ("busy", Some(5.0)), ("dark", None)] {
            database(stage, name).await;
            if let Some(count) = connections {
                let dimensions = [("DBInstanceIdentifier", name)];
                stage.metric("AWS/RDS", "DatabaseConnections", &dimensions, count).await;
            }
        }
        Expected::new(&["db:idle"], &["db:busy", "db:dark"])
    },
    rds_old_manual_snapshots => async |stage: &Stage| {
        database(stage, "main").await;
        let snapshot =
            json!({ "DBSnapshotIdentifier": "by-hand", "DBInstanceIdentifier": "main" });
        stage.ask(&service::RDS, "CreateDBSnapshot", snapshot).await;
        Expected::new(&["snapshot:by-hand"], &["db:main"])
    },
    s3_buckets_without_lifecycle => async |stage: &Stage| {
        let (without, with) = (bucket(stage, "without").await, bucket(stage, "with").await);
        let rules = "<LifecycleConfiguration><Rule><ID>r</ID><Filter><Prefix></Prefix></Filter>\
                     <Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule>\
                     </LifecycleConfiguration>";
        let put = Request::rest(&service::S3, "Put", "PUT", "/?lifecycle").bucket(&*with).body(rules);
        stage.send(put).await;
        Expected::new(&[&without], &[&with])
    },
    s3_incomplete_uploads => async |stage: &Stage| {
        let (begun, complete) = (bucket(stage, "begun").await, bucket(stage, "complete").await);
        let begin = Request::rest(&service::S3, "Begin", "POST", "/large?uploads").bucket(&*begun);
        stage.send(begin).await;
        // All uploads at moto were begun in 2010.
        Expected::new(&[&begun], &[&complete]).ageless()
    },
    secretsmanager_unused_secrets => async |stage: &Stage| {
        let ago = |days: i64| (chrono::Utc::now() - chrono::TimeDelta::days(days)).timestamp();
        let arn = |name: &str| {
            format!("arn:aws:secretsmanager:us-east-1:{}:secret:{name}-a1b2c3", stage.account.id)
        };
        let secret = json!({ "Name": "forgotten", "ARN": arn("forgotten"), "CreatedDate": ago(400) });
        let mut deleted = secret.clone();
        deleted["Name"] = json!("deleted");
        deleted["ARN"] = json!(arn("deleted"));
        deleted["DeletedDate"] = json!(ago(1));
        Expected::new(&["secret:forgotten"], &["secret:deleted"])
            .answering("ListSecrets", json!({ "SecretList": [secret, deleted] }))
    },
    vpc_idle_nat_gateways => async |stage: &Stage| {
        let mut ids = Vec::new();
        for bytes in [10.0, 1e9] {
            let gateway = json!({
                "SubnetId": stage.subnet().await, "AllocationId": allocate(stage).await,
            });
            let id = stage.ec2("CreateNatGateway", gateway, "natGatewayId").await;
            let dimensions = [("NatGatewayId", id.as_str())];
            stage.metric("AWS/NATGateway", "BytesOutToDestination", &dimensions, bytes).await;
            ids.push(id);
        }
        Expected::new(&[&ids[0]], &[&ids[1]])
    },
    vpc_unused_endpoints => async |stage: &Stage| {
        let vpc = stage.vpc().await;
        let mut ids = Vec::new();
        for kind in ["Interface", "Interface", "Gateway"] {
            let name = "com.amazonaws.us-east-1.s3";
            let mut endpoint = json!({
                "VpcId": vpc, "ServiceName": name, "VpcEndpointType": kind,
            });
            if kind == "Interface" {
                endpoint["SubnetId"] = json!([stage.subnet().await]);
            }
            let answer = stage.ask(&service::EC2, "CreateVpcEndpoint", endpoint).await;
            ids.push(elements(&answer, "vpcEndpointId").swap_remove(0));
        }
        let dimensions = [
            ("Endpoint Type", "Interface"),
            ("Service Name", "com.amazonaws.us-east-1.s3"),
            ("VPC Endpoint Id", &ids[1]),
            ("VPC Id", &vpc),
        ];
        stage.metric("AWS/PrivateLinkEndpoints", "BytesProcessed", &dimensions, 9.0).await;
        Expected::new(&[&ids[0]], &[&ids[1], &ids[2]])
    },
}

async fn allocate(stage: &Stage) -> String {
    stage.ec2("AllocateAddress", json!({ "Domain": "vpc" }), "allocationId").await
}

/// An image of the account's own, and the snapshot that it is made of.
async fn create_image(stage: &Stage, name: &str) -> (String, String) {
    let instance = stage.instance("t3.micro").await;
    let parameters = json!({ "InstanceId": instance, "Name": name });
    let image = stage.ec2("CreateImage", parameters, "imageId").await;
    let snapshot = stage.ec2("DescribeImages", json!({ "ImageId": [image] }), "snapshotId").await;
    (image, snapshot)
}

async fn load_balancer(stage: &Stage, name: &str, kind: &str) -> String {
    let parameters = json!({ "Name": name, "Type": kind, "Subnets": stage.subnets().await });
    element(&stage.ask(&service::ELB, "CreateLoadBalancer", parameters).await, "LoadBalancerArn")
}

async fn function(stage: &Stage, name: &str) -> String {
    let role = match name {
        "idle" | "unused" => stage.role("lambda").await,
        _ => format!("arn:aws:iam::{}:role/lambda", stage.account.id),
    };
    let body = json!({
        "FunctionName": name, "Role": role, "Runtime": "provided.al2023", "Handler": "bootstrap",
        "MemorySize": 1024,
        // An empty ZIP archive.
        "Code": { "ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==" },
    });
    let function = stage.rest(&service::LAMBDA, "POST", "/2015-03-31/functions", body).await;
    function["FunctionArn"].as_str().unwrap().to_owned()
}

async fn database(stage: &Stage, name: &str) {
    let database = json!({
        "DBInstanceIdentifier": name, "DBInstanceClass": "db.t4g.micro", "Engine": "postgres",
        "AllocatedStorage": 20, "MasterUsername": "owner", "MasterUserPassword": "correct horse",
    });
    stage.ask(&service::RDS, "CreateDBInstance", database).await;
}

/// Buckets have names of their own among all accounts.
async fn bucket(stage: &Stage, name: &str) -> String {
    let name = format!("{name}-{}", stage.account.id);
    stage.send(Request::rest(&service::S3, "Create", "PUT", "/").bucket(&*name)).await;
    name
}

#[tokio::test]
async fn a_secret_counts_as_used_when_it_was_read_of_late() {
    let stage = Stage::new().await;
    let ago = |days: i64| (chrono::Utc::now() - chrono::TimeDelta::days(days)).timestamp();
    let secret = |name: &str, read: i64| {
        let arn = format!("arn:aws:secretsmanager:us-east-1:1:secret:{name}");
        json!({ "Name": name, "ARN": arn, "CreatedDate": ago(400), "LastAccessedDate": ago(read) })
    };
    let body = json!({ "SecretList": [secret("read", 2), secret("unread", 90)] }).to_string();
    let (_proxy, mcp) = stage
        .behind(move |asked| match asked.operation.as_str() {
            "ListSecrets" => Fault::Answer(200, body.clone()),
            _ => Fault::None,
        })
        .await;
    let scan = IdentifyUnusedResources {
        services: vec!["secretsmanager".to_owned()],
        ..IdentifyUnusedResources::default()
    };
    let report: WasteReport = mcp.call(scan).await.structured();
    assert_eq!(report.found, 1);
    let finding = &report.findings[0];
    assert_eq!(finding.name.as_deref(), Some("unread"));
    assert_eq!(finding.age_days, Some(90));
    assert_eq!(finding.confidence, Confidence::Medium);
    let saving = finding.monthly_saving.as_ref().unwrap();
    assert_eq!(saving.usd.to_string(), "$0.40");
}
