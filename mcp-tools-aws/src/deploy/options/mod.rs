//! The places where a server can run: one file for each kind.

mod agentcore;
mod containers;
mod instances;
mod lambda;
mod shared;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::lambda::Door;
use super::{DeploymentCost, Impossible, Workload, estimate::Bill, prices::RegionPrices};

/// A place where a server can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// AWS Lambda behind its own URL.
    LambdaFunctionUrl,
    /// AWS Lambda behind an HTTP API of API Gateway.
    LambdaHttpApi,
    /// AWS Lambda behind a REST API of API Gateway.
    LambdaRestApi,
    /// AWS Lambda behind an Application Load Balancer.
    LambdaAlb,
    /// AWS Lambda behind a WebSocket API of API Gateway.
    LambdaWebSocketApi,
    /// Amazon ECS on Fargate behind an Application Load Balancer.
    Fargate,
    /// The same on spare capacity, which AWS takes back with two minutes' notice.
    FargateSpot,
    /// Amazon ECS Express Mode.
    EcsExpress,
    /// Amazon ECS on EC2 instances behind an Application Load Balancer.
    EcsOnEc2,
    /// Amazon EKS with EC2 nodes behind an Application Load Balancer.
    Eks,
    /// One EC2 instance.
    Ec2,
    /// Amazon Bedrock AgentCore Runtime.
    AgentCore,
}

impl Target {
    pub(super) const ALL: [Self; 12] = [
        Self::LambdaFunctionUrl,
        Self::LambdaHttpApi,
        Self::LambdaRestApi,
        Self::LambdaAlb,
        Self::LambdaWebSocketApi,
        Self::Fargate,
        Self::FargateSpot,
        Self::EcsExpress,
        Self::EcsOnEc2,
        Self::Eks,
        Self::Ec2,
        Self::AgentCore,
    ];

    /// A name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LambdaFunctionUrl => "Lambda with a Function URL",
            Self::LambdaHttpApi => "Lambda behind an HTTP API",
            Self::LambdaRestApi => "Lambda behind a REST API",
            Self::LambdaAlb => "Lambda behind a load balancer",
            Self::LambdaWebSocketApi => "Lambda behind a WebSocket API",
            Self::Fargate => "ECS on Fargate",
            Self::FargateSpot => "ECS on Fargate Spot",
            Self::EcsExpress => "ECS Express Mode",
            Self::EcsOnEc2 => "ECS on EC2",
            Self::Eks => "EKS with EC2 nodes",
            Self::Ec2 => "one EC2 instance",
            Self::AgentCore => "Bedrock AgentCore Runtime",
        }
    }

    pub(super) const fn is_lambda(self) -> bool {
        matches!(
            self,
            Self::LambdaFunctionUrl
                | Self::LambdaHttpApi
                | Self::LambdaRestApi
                | Self::LambdaAlb
                | Self::LambdaWebSocketApi
        )
    }

    /// What a month costs here, or why the server cannot run here.
    pub(super) fn cost(
        self,
        workload: &Workload,
        prices: &RegionPrices,
    ) -> Result<DeploymentCost, Impossible> {
        match self.bill(workload, prices) {
            Ok(bill) => Ok(bill.finish(self)),
            Err(reason) => Err(Impossible { target: self, reason }),
        }
    }

    pub(super) fn bill(self, workload: &Workload, prices: &RegionPrices) -> Result<Bill, String> {
        match self {
            Self::LambdaFunctionUrl => lambda::bill(Door::FunctionUrl, workload, prices),
            Self::LambdaHttpApi => lambda::bill(Door::HttpApi, workload, prices),
            Self::LambdaRestApi => lambda::bill(Door::RestApi, workload, prices),
            Self::LambdaAlb => lambda::bill(Door::LoadBalancer, workload, prices),
            Self::LambdaWebSocketApi => lambda::bill(Door::WebSocketApi, workload, prices),
            Self::Fargate => Ok(containers::fargate(workload, prices)),
            Self::FargateSpot => Ok(containers::fargate_spot(workload, prices)),
            Self::EcsExpress => Ok(containers::express(workload, prices)),
            Self::EcsOnEc2 => instances::ecs(workload, prices),
            Self::Eks => instances::eks(workload, prices),
            Self::Ec2 => instances::single(workload, prices),
            Self::AgentCore => agentcore::bill(workload, prices),
        }
    }
}
