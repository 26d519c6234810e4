//! The tools, a file each, and what their arguments and answers share.

mod about;
mod asking;
mod chart;
mod compare_periods;
mod compute;
mod describe_sales_data;
mod detect_sales_anomalies;
mod export_sales;
mod exports;
mod forecast_sales;
mod history;
mod list_operations;
mod part;
mod product_affinity;
#[cfg(feature = "prophet")]
mod prophet;
mod query_sales;
mod sales_by;
mod sales_summary;
mod sales_trend;
mod selection;
mod top_n_products;

pub use mcp_charts::{ChartFormat, WithChart};

use self::about::one_line;
#[cfg(feature = "prophet")]
pub use self::prophet::{
    ProphetAuto, ProphetGrowth, ProphetParameters, ProphetSeasonality, ProphetSeasonalityMode,
};
pub use self::{
    about::About,
    compare_periods::{Change, ComparePeriods, Comparison, NamedChange},
    describe_sales_data::{DataDescription, DescribeSalesData},
    detect_sales_anomalies::{DetectSalesAnomalies, SalesAnomalies, SalesAnomaly},
    export_sales::{ExportFormat, ExportSales, Exported, WithLink},
    forecast_sales::{
        ForecastModel, ForecastPoint, ForecastSales, NamedForecast, SalesForecast, SeriesForecast,
    },
    history::SeriesGrain,
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
    chart::app,
    export_sales::{LAST, caller},
    exports::Exports,
};
