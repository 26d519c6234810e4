//! A tool pack that answers questions about retail sales from a CSV file.
//!
//! Depend on this crate to offer sales data to models: [`SalesStore::open`] loads a file, [`pack`]
//! makes the tools [`TopNProducts`] and [`SalesSummary`] over it. The store answers on its own,
//! too, without any protocol: see [`SalesStore::select`].
//!
//! ```
//! use mcp_core::Server;
//! use mcp_tools_sales::SalesStore;
//!
//! let csv = "date,product,category,operation,units,revenue
//! 2017-03-01,Lamp,Furniture,Dallas,2,39.98
//! ";
//! let store = SalesStore::from_reader("march.csv", csv.as_bytes())?;
//! let server = Server::builder("sales", "1.0").pack(mcp_tools_sales::pack(store)).build();
//! assert_eq!(server.tool_names(), ["top_n_products", "sales_summary"]);
//! # Ok::<(), mcp_tools_sales::LoadError>(())
//! ```

mod date;
mod error;
mod generate;
mod load;
mod money;
mod names;
mod pack;
mod records;
mod sales_summary;
mod selection;
mod store;
mod top_n_products;

pub use crate::{
    date::{Date, ParseDateError},
    error::{LoadError, LoadErrorKind, QueryError, QueryErrorKind},
    generate::generate,
    money::{Money, ParseMoneyError},
    pack::pack,
    sales_summary::{Part, SalesSummary, Summary},
    selection::{Group, Measure, Selection, Totals},
    store::SalesStore,
    top_n_products::{ProductSales, TopNProducts, TopProducts},
};
