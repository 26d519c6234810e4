//! An account at moto, resources in it, and scans of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mcp_aws::{Client, Request, Service, service};
use mcp_core::Server;
use mcp_testing::{Harness, Moto, MotoAccount};
use mcp_tools_aws::{Aws, IdentifyUnusedResources, WasteReport, operations_pack, waste_pack};
use serde_json::{Value, json};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};

use super::{Asked, Fault, Proxy};

/// IAM, which functions and clusters need for their roles.
const IAM: Service =
    Service::new("IAM", "IAM", "iam", mcp_aws::Protocol::Query { version: "2010-05-08" });

/// An account of its own.
pub struct Stage {
    pub account: MotoAccount,
    pub client: Client,
    credentials: Credentials,
}

impl Stage {
    pub async fn new() -> Self {
        let account = Moto::shared().account().await;
        let credentials = Credentials::new(
            &account.access_key_id,
            &account.secret_access_key,
            Some(account.session_token.clone()),
            None,
            "test",
        );
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(Moto::shared().url())
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            .retry_config(RetryConfig::disabled())
            .build();
        Self { account, client: Client::new(&config), credentials }
    }

    /// Makes a request of the JSON and query protocols; the body of its answer.
    pub async fn ask(
        &self,
        service: &Service,
        operation: &'static str,
        parameters: Value,
    ) -> String {
        let mut request = Request::new(service, operation);
        for (name, value) in parameters.as_object().unwrap() {
            request.set(name, value.clone());
        }
        self.send(request).await
    }

    /// Makes a request of the REST protocols with a JSON body.
    pub async fn rest(
        &self,
        service: &Service,
        method: &'static str,
        path: &str,
        body: Value,
    ) -> Value {
        let request = Request::rest(service, "Test", method, path)
            .header("content-type", "application/json")
            .body(body.to_string());
        serde_json::from_str(&self.send(request).await).unwrap_or_default()
    }

    pub async fn send(&self, request: Request) -> String {
        let shown = format!("{request:?}");
        let answer =
            self.client.send(request).await.unwrap_or_else(|error| panic!("{shown}: {error}"));
        String::from_utf8_lossy(answer.body()).into_owned()
    }

    /// What EC2 answers in an element.
    pub async fn ec2(&self, operation: &'static str, parameters: Value, element: &str) -> String {
        self::element(&self.ask(&service::EC2, operation, parameters).await, element)
    }

    /// An image that instances can be started from.
    pub async fn image(&self) -> String {
        let parameters = json!({ "Owner": ["amazon"], "MaxResults": 5 });
        self.ec2("DescribeImages", parameters, "imageId").await
    }

    pub async fn instance(&self, kind: &str) -> String {
        self.instance_of(&self.image().await, kind).await
    }

    pub async fn instance_of(&self, image: &str, kind: &str) -> String {
        let parameters =
            json!({ "ImageId": image, "InstanceType": kind, "MinCount": 1, "MaxCount": 1 });
        self.ec2("RunInstances", parameters, "instanceId").await
    }

    pub async fn volume(&self, kind: &str) -> String {
        let parameters =
            json!({ "Size": 100, "VolumeType": kind, "AvailabilityZone": "us-east-1a" });
        self.ec2("CreateVolume", parameters, "volumeId").await
    }

    pub async fn attach(&self, volume: &str, device: &str) {
        let instance = self.instance("t3.micro").await;
        let parameters = json!({ "VolumeId": volume, "InstanceId": instance, "Device": device });
        self.ask(&service::EC2, "AttachVolume", parameters).await;
    }

    pub async fn subnet(&self) -> String {
        self.subnets().await.swap_remove(0)
    }

    pub async fn subnets(&self) -> Vec<String> {
        let answer = self.ask(&service::EC2, "DescribeSubnets", json!({})).await;
        elements(&answer, "subnetId")
    }

    pub async fn vpc(&self) -> String {
        self.ec2("DescribeVpcs", json!({}), "vpcId").await
    }

    /// A role, whose ARN is answered.
    pub async fn role(&self, name: &str) -> String {
        let document = r#"{"Version":"2012-10-17","Statement":[]}"#;
        let parameters = json!({ "RoleName": name, "AssumeRolePolicyDocument": document });
        element(&self.ask(&IAM, "CreateRole", parameters).await, "Arn")
    }

    /// Values of a metric, an hour and a day ago.
    pub async fn metric(
        &self,
        namespace: &str,
        name: &str,
        dimensions: &[(&str, &str)],
        value: f64,
    ) {
        let dimensions: Vec<Value> = dimensions
            .iter()
            .map(|(name, value)| json!({ "Name": name, "Value": value }))
            .collect();
        let at = |hours: i64| (chrono::Utc::now() - chrono::TimeDelta::hours(hours)).to_rfc3339();
        let datum = |time: String| {
            json!({
                "MetricName": name, "Dimensions": dimensions, "Timestamp": time, "Value": value,
            })
        };
        let parameters =
            json!({ "Namespace": namespace, "MetricData": [datum(at(1)), datum(at(25))] });
        self.ask(&service::CLOUDWATCH, "PutMetricData", parameters).await;
    }

    /// A server over the account, behind a proxy or not.
    pub fn server(&self, endpoint: &str) -> Server {
        server(endpoint, self.credentials.clone())
    }

    pub async fn scan(&self, scan: IdentifyUnusedResources) -> WasteReport {
        let mcp = Harness::in_memory(self.server(Moto::shared().url())).await;
        mcp.call(scan).await.structured()
    }

    /// A proxy before moto, and a client of a server that goes through it.
    pub async fn behind(
        &self,
        fault: impl Fn(&Asked) -> Fault + Send + Sync + 'static,
    ) -> (Proxy, Harness) {
        let proxy = Proxy::start(Moto::shared().url(), fault).await;
        let mcp = Harness::in_memory(self.server(proxy.url())).await;
        (proxy, mcp)
    }
}

pub fn server(endpoint: &str, credentials: Credentials) -> Server {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let aws = Aws::with_config(config);
    Server::builder("account", "1").pack(waste_pack(aws.clone())).pack(operations_pack(aws)).build()
}

/// A scan of everything that these checks look at, however young.
pub fn scan_of(checks: &[&str]) -> IdentifyUnusedResources {
    IdentifyUnusedResources {
        services: checks.iter().map(|check| (*check).to_owned()).collect(),
        min_age_days: Some(0),
        max_findings: Some(1000),
        ..IdentifyUnusedResources::default()
    }
}

/// The text of the first element of this name.
#[track_caller]
pub fn element(xml: &str, name: &str) -> String {
    elements(xml, name).into_iter().next().unwrap_or_else(|| panic!("no {name} in {xml}"))
}

pub fn elements(xml: &str, name: &str) -> Vec<String> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&begin).skip(1).filter_map(|rest| Some(rest.split_once(&end)?.0.to_owned())).collect()
}
