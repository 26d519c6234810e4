//! The tools, a file each, and what their arguments and answers share.

mod about;
mod asking;
mod compare_periods;
mod describe_sales_data;
mod export_sales;
mod exports;
mod list_operations;
mod part;
mod product_affinity;
mod query_sales;
mod sales_by;
mod sales_summary;
mod sales_trend;
mod selection;
mod top_n_products;

use self::about::one_line;
pub use self::{
    about::About,
    compare_periods::{Change, ComparePeriods, Comparison, NamedChange},
    describe_sales_data::{DataDescription, DescribeSalesData},
    export_sales::{ExportFormat, ExportSales, Exported, WithLink},
    list_operations::{ListOperations, Operation, Operations},
    part::Part,
    product_affinity::{Affinities, Pair, ProductAffinity},
    query_sales::{Grouping, QueryResult, QuerySales, SalesGroup},
    sales_by::{SalesBy, SharedPart, Split},
    sales_summary::{SalesSummary, Summary},
    sales_trend::{SalesTrend, Trend, TrendPeriod, TrendSeries},
    selection::Selection,
    top_n_products::{ProductSales, TopNProducts, TopProducts},
};
pub(crate) use self::{
    about::tell_model,
    export_sales::{LAST, caller},
    exports::Exports,
};
