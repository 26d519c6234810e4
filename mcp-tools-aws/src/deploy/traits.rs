use super::Target;

/// What a place is like beside its price, from 1 (bad) to 5 (good).
///
/// Difficulty, maintainability and reliability as a small team meets them. Reliability starts from
/// the service level agreements: Lambda 99.95 %, the compute agreement of ECS, Fargate and EC2 across
/// zones 99.99 %, EKS 99.95 %, a single instance 99.5 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    pub(super) ease: u8,
    pub(super) maintainability: u8,
    pub(super) reliability: u8,
    pub(super) agreement: &'static str,
}

impl Target {
    pub(super) const fn traits(self) -> Traits {
        let (ease, maintainability, reliability, agreement) = match self {
            Self::LambdaFunctionUrl => (5, 5, 4, "99.95 %"),
            Self::LambdaHttpApi | Self::LambdaRestApi => (4, 5, 4, "99.95 %"),
            Self::LambdaAlb => (3, 4, 4, "99.95 %"),
            Self::LambdaWebSocketApi => (2, 4, 4, "99.95 %"),
            Self::AgentCore => (4, 5, 4, "99.9 %"),
            Self::EcsExpress => (4, 4, 5, "99.99 %"),
            Self::Fargate => (3, 4, 5, "99.99 %"),
            Self::FargateSpot => (3, 4, 2, "none for Spot"),
            Self::EcsOnEc2 => (2, 3, 5, "99.99 %"),
            Self::Eks => (1, 2, 5, "99.95 %"),
            Self::Ec2 => (3, 2, 1, "99.5 %"),
        };
        Traits { ease, maintainability, reliability, agreement }
    }

    /// Whether a process of it serves one request at a time and is gone after it.
    pub(super) const fn is_ephemeral(self) -> bool {
        self.is_lambda()
    }
}
