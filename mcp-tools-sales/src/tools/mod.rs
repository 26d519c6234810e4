//! The tools, a file each, and what their arguments and answers share.

mod about;
mod part;
mod sales_summary;
mod selection;
mod top_n_products;

use self::about::{one_line, tell_model};
pub use self::{
    about::About,
    part::Part,
    sales_summary::{SalesSummary, Summary},
    selection::Selection,
    top_n_products::{ProductSales, TopNProducts, TopProducts},
};
