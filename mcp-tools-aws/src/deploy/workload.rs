use mcp_core::{ToolError, ToolErrorKind, ToolResult};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The sizes of a Fargate task: vCPU in thousandths, the least and the most memory in MB, and the
/// step between them. <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html>
const TASK_SIZES: [(u32, u32, u32, u32); 7] = [
    (250, 512, 2048, 512),
    (500, 1024, 4096, 1024),
    (1000, 2048, 8192, 1024),
    (2000, 4096, 16_384, 1024),
    (4000, 8192, 30_720, 1024),
    (8000, 16_384, 61_440, 4096),
    (16_000, 32_768, 122_880, 8192),
];

/// What a server is asked to do, and what it gets for that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Workload {
    /// Requests a month.
    #[schemars(range(max = 1_000_000_000_000_u64))]
    pub requests_per_month: u64,
    /// The mean time that a request takes, in milliseconds.
    #[serde(default = "default::duration_ms")]
    #[schemars(range(min = 1, max = 86_400_000))]
    pub duration_ms: u32,
    /// The time that the longest request takes, in seconds; the mean when absent. Decides what is
    /// possible at all, not what it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub longest_call_seconds: Option<u32>,
    /// The memory of a Lambda function, in MB.
    #[serde(default = "default::memory_mb")]
    #[schemars(range(min = 128, max = 10_240))]
    pub memory_mb: u32,
    /// The mean size of an answer, in KB.
    #[serde(default = "default::payload_kb")]
    #[schemars(range(min = 0, max = 204_800))]
    pub payload_kb: f64,
    /// How many hours a day the server is up, where it can be switched off.
    #[serde(default = "default::hours_per_day")]
    #[schemars(range(min = 1, max = 24))]
    pub hours_per_day: u8,
    /// The days of the month; 365/12 (730 hours) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 31))]
    pub days_per_month: Option<u8>,
    /// The processor.
    #[serde(default)]
    pub architecture: Architecture,
    /// The region whose prices count.
    #[serde(default = "default::region")]
    pub region: String,
    /// Lambda execution environments that are kept ready during `hours_per_day`.
    #[serde(default)]
    #[schemars(range(max = 100_000))]
    pub provisioned_concurrency: u32,
    /// Whether Lambda streams its answers (Function URL and REST API).
    #[serde(default)]
    pub streaming: bool,
    /// How many of a hundred requests to Lambda wait for a cold start, whose INIT phase is billed.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub cold_start_percent: f64,
    /// How long a cold start's INIT phase takes, in milliseconds.
    #[serde(default = "default::init_ms")]
    #[schemars(range(max = 10_000))]
    pub init_ms: u32,
    /// How many containers run; when absent, as many as the peak needs, at least two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub tasks: Option<u32>,
    /// The vCPU of a container: 0.25, 0.5, 1, 2, 4, 8 or 16.
    #[serde(default = "default::task_vcpu")]
    pub task_vcpu: f64,
    /// The memory of a container, in MB; Fargate has few sizes for each vCPU.
    #[serde(default = "default::task_memory_mb")]
    #[schemars(range(min = 512, max = 122_880))]
    pub task_memory_mb: u32,
    /// How many requests a container works on at once.
    #[serde(default = "default::concurrency_per_task")]
    #[schemars(range(min = 1, max = 100_000))]
    pub concurrency_per_task: u32,
    /// How many times the mean load the peak is.
    #[serde(default = "default::peak_factor")]
    #[schemars(range(min = 1, max = 1000))]
    pub peak_factor: f64,
    /// Whether the server is in private subnets and reaches the internet through a NAT gateway.
    #[serde(default)]
    pub nat_gateway: bool,
    /// What a request writes to the log, in KB.
    #[serde(default = "default::log_kb_per_request")]
    #[schemars(range(min = 0, max = 10_240))]
    pub log_kb_per_request: f64,
    /// How many connections are open at a time, on average (WebSocket API, load balancer).
    #[serde(default)]
    #[schemars(range(max = 100_000_000))]
    pub open_connections: u32,
    /// How many requests a client makes in a session (AgentCore, which bills memory until a session
    /// has been idle for 15 minutes).
    #[serde(default = "default::requests_per_session")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_session: u32,
    /// How much of a request's time is spent computing rather than waiting, in percent (AgentCore,
    /// which does not bill a waiting CPU).
    #[serde(default = "default::cpu_percent")]
    #[schemars(range(min = 0, max = 100))]
    pub cpu_percent: f64,
}

/// A processor architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Architecture {
    /// Graviton, cheaper and for Rust no work.
    #[default]
    #[serde(rename = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[serde(rename = "x86_64")]
    X86_64,
}

mod default {
    pub(super) fn duration_ms() -> u32 {
        200
    }
    pub(super) fn memory_mb() -> u32 {
        256
    }
    pub(super) fn payload_kb() -> f64 {
        4.0
    }
    pub(super) fn hours_per_day() -> u8 {
        24
    }
    pub(super) fn region() -> String {
        "us-east-1".to_owned()
    }
    pub(super) fn init_ms() -> u32 {
        100
    }
    pub(super) fn task_vcpu() -> f64 {
        0.5
    }
    pub(super) fn task_memory_mb() -> u32 {
        1024
    }
    pub(super) fn concurrency_per_task() -> u32 {
        100
    }
    pub(super) fn peak_factor() -> f64 {
        5.0
    }
    pub(super) fn log_kb_per_request() -> f64 {
        0.5
    }
    pub(super) fn requests_per_session() -> u32 {
        10
    }
    pub(super) fn cpu_percent() -> f64 {
        30.0
    }
}

impl Workload {
    /// So many requests a month, and the defaults of everything else: 200 ms, 256 MB, 4 KB answers,
    /// around the clock on Graviton in us-east-1.
    pub fn new(requests_per_month: u64) -> Self {
        Self {
            requests_per_month,
            duration_ms: default::duration_ms(),
            longest_call_seconds: None,
            memory_mb: default::memory_mb(),
            payload_kb: default::payload_kb(),
            hours_per_day: default::hours_per_day(),
            days_per_month: None,
            architecture: Architecture::default(),
            region: default::region(),
            provisioned_concurrency: 0,
            streaming: false,
            cold_start_percent: 0.0,
            init_ms: default::init_ms(),
            tasks: None,
            task_vcpu: default::task_vcpu(),
            task_memory_mb: default::task_memory_mb(),
            concurrency_per_task: default::concurrency_per_task(),
            peak_factor: default::peak_factor(),
            nat_gateway: false,
            log_kb_per_request: default::log_kb_per_request(),
            open_connections: 0,
            requests_per_session: default::requests_per_session(),
            cpu_percent: default::cpu_percent(),
        }
    }

    /// What the schema cannot say: a container is of a size that Fargate has.
    pub(super) fn check(&self) -> ToolResult<()> {
        let mistake = |message| Err(ToolError::new(ToolErrorKind::InvalidArguments, message));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let thousandths = (self.task_vcpu * 1000.0).round() as u32;
        let size = TASK_SIZES.into_iter().find(|(vcpu, ..)| *vcpu == thousandths);
        let Some((_, least, most, step)) = size else {
            return mistake(format!(
                "`task_vcpu`: Fargate has tasks of 0.25, 0.5, 1, 2, 4, 8 and 16 vCPU, found {}",
                self.task_vcpu
            ));
        };
        let memory = self.task_memory_mb;
        // The smallest task has 512, 1024 or 2048 MB, nothing between the last two.
        let fits = (least..=most).contains(&memory)
            && memory.is_multiple_of(step)
            && (thousandths, memory) != (250, 1536);
        if !fits {
            return mistake(format!(
                "`task_memory_mb`: a task of {} vCPU has {least} to {most} MB in steps of {step}, \
                 found {memory}",
                self.task_vcpu
            ));
        }
        Ok(())
    }

    pub(super) fn requests(&self) -> Decimal {
        self.requests_per_month.into()
    }

    pub(super) fn seconds(&self) -> Decimal {
        Decimal::from(self.duration_ms) / Decimal::ONE_THOUSAND
    }

    pub(super) fn longest_seconds(&self) -> Decimal {
        self.longest_call_seconds
            .map_or(self.seconds(), |longest| self.seconds().max(longest.into()))
    }

    /// The hours of the month.
    pub(super) fn month_hours(&self) -> Decimal {
        match self.days_per_month {
            Some(days) => Decimal::from(u32::from(days) * 24),
            None => Decimal::from(730),
        }
    }

    /// The hours of the month that the server is up.
    pub(super) fn up_hours(&self) -> Decimal {
        self.month_hours() * Decimal::from(self.hours_per_day) / Decimal::from(24)
    }

    /// Requests at work at once, on average over the hours that the server is up.
    pub(super) fn mean_concurrency(&self) -> Decimal {
        self.requests() * self.seconds() / (self.up_hours() * Decimal::from(3600))
    }

    pub(super) fn function_gb(&self) -> Decimal {
        Decimal::from(self.memory_mb) / Decimal::from(1024)
    }

    pub(super) fn task_gb(&self) -> Decimal {
        Decimal::from(self.task_memory_mb) / Decimal::from(1024)
    }

    pub(super) fn vcpu(&self) -> Decimal {
        decimal(self.task_vcpu)
    }

    pub(super) fn payload(&self) -> Decimal {
        decimal(self.payload_kb)
    }

    /// All answers of a month, in GB.
    pub(super) fn answers_gb(&self) -> Decimal {
        gb(self.requests() * self.payload())
    }

    /// All that is logged in a month, in GB.
    pub(super) fn logs_gb(&self) -> Decimal {
        gb(self.requests() * decimal(self.log_kb_per_request))
    }

    /// How many containers run.
    pub(super) fn task_count(&self) -> Decimal {
        let needed = || {
            let peak = self.mean_concurrency() * decimal(self.peak_factor);
            (peak / Decimal::from(self.concurrency_per_task)).ceil().max(Decimal::TWO)
        };
        self.tasks.map_or_else(needed, Decimal::from)
    }
}

/// A number from JSON, which is always finite.
pub(super) fn decimal(number: f64) -> Decimal {
    Decimal::try_from(number).unwrap_or_default()
}

/// KB as GB.
pub(super) fn gb(kb: Decimal) -> Decimal {
    kb / Decimal::from(1024 * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_730_hours_unless_its_days_are_given() {
        let mut workload = Workload::new(0);
        assert_eq!(workload.up_hours(), Decimal::from(730));
        workload.days_per_month = Some(31);
        assert_eq!(workload.up_hours(), Decimal::from(744));
        workload.hours_per_day = 8;
        assert_eq!(
            (workload.up_hours(), workload.month_hours()),
            (Decimal::from(248), Decimal::from(744))
        );
    }

    #[test]
    fn tasks_follow_the_peak_and_are_two_at_least() {
        let mut workload = Workload::new(1000);
        assert_eq!(workload.task_count(), Decimal::TWO);
        // 2,628,000 seconds: 1,000 requests a second of 200 ms are 200 at once, at the peak 1,000.
        workload.requests_per_month = 2_628_000_000;
        assert_eq!(workload.task_count(), Decimal::TEN);
        workload.tasks = Some(3);
        assert_eq!(workload.task_count(), Decimal::from(3));
    }

    #[test]
    fn a_task_has_a_size_of_fargate() {
        let check = |vcpu, memory| {
            let workload = Workload { task_vcpu: vcpu, task_memory_mb: memory, ..Workload::new(1) };
            workload.check().map_err(|error| error.to_string())
        };
        assert_eq!(check(0.25, 512), Ok(()));
        assert_eq!(check(16.0, 122_880), Ok(()));
        for (vcpu, memory, expected) in [
            (0.3, 1024, "0.25, 0.5, 1"),
            (f64::MAX, 1024, "0.25, 0.5, 1"),
            (0.5, 512, "1024 to 4096 MB"),
            (0.25, 1536, "512 to 2048 MB"),
            (8.0, 17_408, "in steps of 4096"),
        ] {
            let error = check(vcpu, memory).expect_err("refused");
            assert!(error.contains(expected), "{error}");
        }
    }
}
