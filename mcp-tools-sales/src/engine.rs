use std::{fmt, sync::Arc};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Affinity, AffinityQuery, Answer, Date, Dimension, Names, Query, QueryError};

/// Where answers come from: columns in memory ([`SalesStore`](crate::SalesStore)), a service.
///
/// An engine takes names in filters as the data has them, and sums revenue of all currencies that a
/// filter lets through: [`Sales`](crate::Sales) stands before it, finds names, and never lets
/// revenue of several currencies be summed. Dropping a future gives up the question.
#[async_trait]
pub trait SalesEngine: fmt::Debug + Send + Sync {
    /// What data there is.
    ///
    /// # Errors
    ///
    /// When the data cannot be reached.
    async fn describe(&self) -> Result<Arc<Description>, QueryError>;

    /// The names of a dimension.
    ///
    /// # Errors
    ///
    /// When the data cannot be reached.
    async fn names(&self, dimension: Dimension) -> Result<Arc<Names>, QueryError>;

    /// Answers a question.
    ///
    /// # Errors
    ///
    /// When the data cannot be reached, or the answer would cost more than is allowed.
    async fn answer(&self, query: &Query) -> Result<Answer, QueryError>;

    /// Answers which products are sold together.
    ///
    /// # Errors
    ///
    /// As [`Self::answer`], and [`QueryErrorKind::NoSuchData`](crate::QueryErrorKind::NoSuchData)
    /// where it is not known which order a line belongs to.
    async fn affinity(&self, query: &AffinityQuery) -> Result<Affinity, QueryError>;

    /// While data is being loaded that questions wait for: how many bytes have been read, of how many.
    fn progress(&self) -> Option<(u64, u64)> {
        None
    }
}

/// What data an engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Where it is: a path, a URL, a table.
    pub name: String,
    /// How many order lines there are: at least one.
    pub order_lines: u64,
    /// The day of the first order line.
    pub first: Date,
    /// The day of the last order line.
    pub last: Date,
    /// How many lines were set aside as they could not be read; zero where that is an error.
    pub set_aside: u64,
    /// What was wrong with the first of them.
    pub faults: Vec<String>,
    /// Whether it is known which order a line belongs to.
    pub has_orders: bool,
    /// How many files it is made of; zero where it is not made of files.
    pub files: u64,
    /// The columns of the first file, or of the table.
    pub columns: Vec<DataColumn>,
}

/// A column of a file or a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DataColumn {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: String,
    /// What it is used as: date, product, units and so on; absent where it is not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_as: Option<String>,
}
