//! Tasks (`io.modelcontextprotocol/tasks`, SEP-2663): calls that are answered with a handle and
//! worked on in the background.

mod handover;
mod link;
mod memory;
mod options;
mod record;
mod runner;
mod store;

pub use self::{
    handover::TaskHandover,
    memory::InMemoryTaskStore,
    options::{TaskOptions, TaskSupport},
    record::{TaskInput, TaskRecord, TaskStatus},
    runner::{InProcess, TaskRunner, TaskWork},
    store::{TaskStore, TaskStoreError},
};
pub(crate) use self::{link::TaskLink, store::update};
