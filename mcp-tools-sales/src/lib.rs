//! A tool pack that answers questions about retail sales from CSV or Parquet.
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
//! assert_eq!(server.tool_names()[..2], ["top_n_products", "sales_summary"]);
//! # Ok::<(), mcp_tools_sales::LoadError>(())
//! ```

#[cfg(feature = "athena")]
mod athena;
mod engine;
mod error;
mod generate;
mod load;
mod pack;
mod prompts;
mod query;
#[cfg(feature = "s3")]
mod s3;
mod sales;
mod store;
mod tools;

#[cfg(feature = "athena")]
pub use crate::athena::AthenaSales;
#[cfg(feature = "s3")]
pub use crate::s3::S3Sales;
#[cfg(feature = "prophet")]
pub use crate::tools::{
    ProphetAuto, ProphetGrowth, ProphetParameters, ProphetSeasonality, ProphetSeasonalityMode,
};
pub use crate::{
    engine::{DataColumn, Description, SalesEngine},
    error::{LoadError, LoadErrorKind, QueryError, QueryErrorKind},
    generate::generate,
    load::SalesFormat,
    pack::pack,
    query::{
        Affinity, AffinityQuery, Answer, Cost, Date, Dimension, Filter, Grain, Measure, Money,
        Order, ParseDateError, ParseMoneyError, Point, ProductPair, Query, Row, Series, Totals,
    },
    sales::{Sales, Scope},
    store::{Names, SalesFiles, SalesStore},
    tools::{
        About, Affinities, Change, ChartFormat, ComparePeriods, Comparison, DataDescription,
        DescribeSalesData, DetectSalesAnomalies, ExportFormat, ExportSales, Exported,
        ForecastModel, ForecastPoint, ForecastSales, Grouping, ListOperations, NamedChange,
        NamedForecast, Operation, Operations, Pair, Part, ProductAffinity, ProductSales,
        QueryResult, QuerySales, SalesAnomalies, SalesAnomaly, SalesBy, SalesForecast, SalesGroup,
        SalesSummary, SalesTrend, Selection, SeriesForecast, SeriesGrain, SharedPart, Split,
        Summary, TopNProducts, TopProducts, Trend, TrendPeriod, TrendSeries, WithChart, WithLink,
    },
};
