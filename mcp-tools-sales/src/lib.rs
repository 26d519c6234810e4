//! Sales analytics over a CSV file: a store that answers in memory.
//!
//! Depend on this crate to offer sales data to models, with [`SalesStore::open`] on a file of your own.

mod date;
mod error;
mod generate;
mod load;
mod money;
mod names;
mod records;
mod selection;
mod store;

pub use crate::{
    date::{Date, ParseDateError},
    error::{LoadError, LoadErrorKind, QueryError, QueryErrorKind},
    generate::generate,
    money::{Money, ParseMoneyError},
    selection::{Group, Measure, Selection, Totals},
    store::SalesStore,
};
