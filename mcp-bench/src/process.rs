//! What the kernel says about a process, from `/proc` (Linux).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;

/// What a process has used so far.
///
/// Processor time is the sum of the first figure of `/proc/PID/task/*/schedstat`: the nanoseconds
/// that the scheduler gave to each thread, in user space and in the kernel.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    threads: BTreeMap<String, Thread>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Thread {
    on_cpu: u64,
    voluntary: u64,
    involuntary: u64,
}

impl Usage {
    /// Reads it now.
    ///
    /// # Errors
    ///
    /// When the process is gone or the kernel keeps no `schedstat`.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let mut threads = BTreeMap::new();
        let tasks = PathBuf::from(format!("/proc/{pid}/task"));
        for task in fs::read_dir(&tasks).with_context(|| format!("no process {pid}"))? {
            let task = task?;
            // A thread may end between the two reads.
            if let Ok(thread) = Thread::read(&task.path()) {
                threads.insert(task.file_name().to_string_lossy().into_owned(), thread);
            }
        }
        anyhow::ensure!(!threads.is_empty(), "the kernel tells no schedstat of process {pid}");
        Ok(Self { threads })
    }

    /// Processor time since an earlier reading.
    pub fn cpu_since(&self, earlier: &Self) -> Duration {
        Duration::from_nanos(self.since(earlier, |thread| thread.on_cpu))
    }

    /// Context switches since an earlier reading: those that the process asked for by waiting,
    /// and those that the scheduler made.
    pub fn switches_since(&self, earlier: &Self) -> (u64, u64) {
        (
            self.since(earlier, |thread| thread.voluntary),
            self.since(earlier, |thread| thread.involuntary),
        )
    }

    /// A thread that has ended in between is not counted; the runtimes compared here end none
    /// within a measurement.
    fn since(&self, earlier: &Self, figure: impl Fn(&Thread) -> u64) -> u64 {
        let before = |name| earlier.threads.get(name).map_or(0, &figure);
        self.threads.iter().map(|(name, thread)| figure(thread).saturating_sub(before(name))).sum()
    }
}

impl Thread {
    fn read(task: &Path) -> anyhow::Result<Self> {
        let schedstat = fs::read_to_string(task.join("schedstat"))?;
        let on_cpu = schedstat.split_whitespace().next().context("an empty schedstat")?.parse()?;
        let status = fs::read_to_string(task.join("status"))?;
        Ok(Self {
            on_cpu,
            voluntary: figure(&status, "voluntary_ctxt_switches")?,
            involuntary: figure(&status, "nonvoluntary_ctxt_switches")?,
        })
    }
}

/// The memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Resident now (`VmRSS`), pages of the program's file among them.
    pub resident: u64,
    /// What of that is the process's own: heap and stacks (`RssAnon`). Pages of files are the kernel's
    /// to take back.
    pub anonymous: u64,
    /// The most that ever was (`VmHWM`).
    pub peak: u64,
}

impl Memory {
    /// Reads it now.
    ///
    /// # Errors
    ///
    /// When the process is gone.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        Ok(Self {
            resident: figure(&status, "VmRSS")? * 1024,
            anonymous: figure(&status, "RssAnon")? * 1024,
            peak: figure(&status, "VmHWM")? * 1024,
        })
    }
}

/// One figure of a `status` file, without its unit.
fn figure(status: &str, name: &str) -> anyhow::Result<u64> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .and_then(|figure| figure.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("no {name} in the process's status"))
}
