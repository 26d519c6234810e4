//! The services that requests go to.
//!
//! Any service of AWS can be described with [`Service::new`]; those that this workspace uses are
//! here.

use crate::Protocol;

/// A service of AWS: how it is called, where it is, and what it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    name: &'static str,
    id: &'static str,
    signing_name: &'static str,
    host: &'static str,
    iam: &'static str,
    protocol: Protocol,
}

impl Service {
    /// A service with its name for people, the identifier that `AWS_ENDPOINT_URL_<ID>` has, and the
    /// name that requests are signed for; the latter is also its host's and that of its permissions,
    /// unless said otherwise.
    pub const fn new(
        name: &'static str,
        id: &'static str,
        signing_name: &'static str,
        protocol: Protocol,
    ) -> Self {
        Self { name, id, signing_name, host: signing_name, iam: signing_name, protocol }
    }

    /// The first part of its host name, where it is not the name that is signed.
    #[must_use]
    pub const fn at_host(mut self, host: &'static str) -> Self {
        self.host = host;
        self
    }

    /// The prefix of its actions in policies, where it is not the name that is signed.
    #[must_use]
    pub const fn in_policies(mut self, prefix: &'static str) -> Self {
        self.iam = prefix;
        self
    }

    /// Its name for people.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The prefix of its actions in policies of IAM.
    pub const fn iam_prefix(&self) -> &'static str {
        self.iam
    }

    /// What it speaks.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) const fn id(&self) -> &'static str {
        self.id
    }

    pub(crate) const fn signing_name(&self) -> &'static str {
        self.signing_name
    }

    pub(crate) const fn host(&self) -> &'static str {
        self.host
    }
}

const fn json(
    name: &'static str,
    id: &'static str,
    signing_name: &'static str,
    target: &'static str,
) -> Service {
    Service::new(name, id, signing_name, Protocol::Json11 { target })
}

const fn query(
    name: &'static str,
    id: &'static str,
    signing_name: &'static str,
    version: &'static str,
) -> Service {
    Service::new(name, id, signing_name, Protocol::Query { version })
}

/// API Gateway, REST APIs. Its permissions are those of HTTP methods, such as `apigateway:GET`.
pub const API_GATEWAY: Service =
    Service::new("API Gateway", "API_GATEWAY", "apigateway", Protocol::RestJson);
/// API Gateway's connections, those of WebSocket APIs. Each API has an endpoint of its own: see
/// [`Request::at`](crate::Request::at).
pub const API_GATEWAY_MANAGEMENT: Service = Service::new(
    "API Gateway's connections",
    "APIGATEWAYMANAGEMENTAPI",
    "execute-api",
    Protocol::RestJson,
);
/// Athena.
pub const ATHENA: Service = json("Athena", "ATHENA", "athena", "AmazonAthena");
/// CloudWatch's metrics and alarms.
pub const CLOUDWATCH: Service =
    query("CloudWatch", "CLOUDWATCH", "monitoring", "2010-08-01").in_policies("cloudwatch");
/// CloudWatch Logs.
pub const LOGS: Service = json("CloudWatch Logs", "CLOUDWATCH_LOGS", "logs", "Logs_20140328");
/// DynamoDB.
pub const DYNAMODB: Service = Service::new(
    "DynamoDB",
    "DYNAMODB",
    "dynamodb",
    Protocol::Json10 { target: "DynamoDB_20120810" },
);
/// EC2, with VPC and EBS.
pub const EC2: Service =
    Service::new("EC2", "EC2", "ec2", Protocol::Ec2Query { version: "2016-11-15" });
/// Elastic Container Registry.
pub const ECR: Service =
    json("ECR", "ECR", "ecr", "AmazonEC2ContainerRegistry_V20150921").at_host("api.ecr");
/// Elastic Container Service.
pub const ECS: Service = json("ECS", "ECS", "ecs", "AmazonEC2ContainerServiceV20141113");
/// Elastic Kubernetes Service.
pub const EKS: Service = Service::new("EKS", "EKS", "eks", Protocol::RestJson);
/// ElastiCache.
pub const ELASTICACHE: Service = query("ElastiCache", "ELASTICACHE", "elasticache", "2015-02-02");
/// Elastic Load Balancing: application, network and gateway load balancers.
pub const ELB: Service = query(
    "Elastic Load Balancing",
    "ELASTIC_LOAD_BALANCING_V2",
    "elasticloadbalancing",
    "2015-12-01",
);
/// Elastic Load Balancing of the first generation: classic load balancers.
pub const ELB_CLASSIC: Service =
    query("Elastic Load Balancing", "ELASTIC_LOAD_BALANCING", "elasticloadbalancing", "2012-06-01");
/// Key Management Service.
pub const KMS: Service = json("KMS", "KMS", "kms", "TrentService");
/// Lambda.
pub const LAMBDA: Service = Service::new("Lambda", "LAMBDA", "lambda", Protocol::RestJson);
/// OpenSearch Service.
pub const OPENSEARCH: Service =
    Service::new("OpenSearch Service", "OPENSEARCH", "es", Protocol::RestJson);
/// The Price List: the files that are given to everybody, in us-east-1.
pub const PRICE_LIST: Service =
    Service::new("AWS Price List", "PRICING", "pricing", Protocol::RestJson);
/// Relational Database Service.
pub const RDS: Service = query("RDS", "RDS", "rds", "2014-10-31");
/// S3. Requests name their bucket: see [`Request::bucket`](crate::Request::bucket).
pub const S3: Service = Service::new("S3", "S3", "s3", Protocol::RestXml);
/// Secrets Manager.
pub const SECRETS_MANAGER: Service =
    json("Secrets Manager", "SECRETS_MANAGER", "secretsmanager", "secretsmanager");
/// Simple Notification Service.
pub const SNS: Service = query("SNS", "SNS", "sns", "2010-03-31");
/// Simple Queue Service.
pub const SQS: Service =
    Service::new("SQS", "SQS", "sqs", Protocol::Json10 { target: "AmazonSQS" });
/// Systems Manager, with its parameters.
pub const SSM: Service = json("Systems Manager", "SSM", "ssm", "AmazonSSM");
/// Security Token Service.
pub const STS: Service = query("STS", "STS", "sts", "2011-06-15");
