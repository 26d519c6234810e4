//! A tool pack that answers questions about retail sales from a CSV file.
//!
//! Depend on this crate to offer sales data to models: [`SalesStore::open`] loads a file, [`pack`]
//! makes the tools over it. The store answers on its own, too, without any protocol: see
//! [`SalesStore::answer`]. Another engine than the columns in memory implements [`SalesEngine`].
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

mod engine;
mod error;
mod generate;
mod load;
mod pack;
mod query;
mod sales;
mod store;
mod tools;

pub use crate::{
    engine::{Description, SalesEngine},
    error::{LoadError, LoadErrorKind, QueryError, QueryErrorKind},
    generate::generate,
    load::SalesFormat,
    pack::pack,
    query::{
        Answer, Cost, Date, Dimension, Filter, Grain, Measure, Money, Order, ParseDateError,
        ParseMoneyError, Point, Query, Row, Series, Totals,
    },
    sales::{Sales, Scope},
    store::{Names, SalesStore},
    tools::{
        About, Part, ProductSales, SalesSummary, Selection, Summary, TopNProducts, TopProducts,
    },
};
