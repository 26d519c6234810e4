use std::{fmt, io::Read, path::Path, sync::Arc};

use async_trait::async_trait;

use crate::{
    Affinity, AffinityQuery, Answer, DataColumn, Date, Description, Dimension, LoadError, Query,
    QueryError, SalesEngine, SalesFormat, load,
};

mod affinity;
mod column;
mod columns;
mod days;
mod files;
mod names;
mod scan;

#[cfg(feature = "athena")]
pub(crate) use self::affinity::no_orders;
pub(crate) use self::{
    column::Column,
    columns::{Codes, Columns},
    days::{ByDate, Dates, Days},
};
pub use self::{files::SalesFiles, names::Names};

/// A question over so many rows, which takes a millisecond or more, is answered on a thread of its
/// own.
const MANY_ROWS: usize = 1 << 19;

/// Order lines of retail sales, held in memory and never changed after loading.
///
/// # File
///
/// CSV as in RFC 4180, in UTF-8 (a byte order mark is skipped), lines ending in LF or CRLF, blank
/// lines skipped. The first line names the columns, in any order and case; columns not listed here
/// are ignored. Space around names and values is dropped.
///
/// | column | value |
/// |---|---|
/// | `date` | `yyyy-mm-dd` |
/// | `product`, `category` | text, not empty |
/// | `operation` | text, not empty: the branch that sold, such as Dallas |
/// | `units` | a whole number from -2147483648 to 2147483647 |
/// | `revenue` | a decimal with at most four places, see [`Money`](crate::Money) |
///
/// Units and revenue below zero are returns and count against sales. Loading stops at the first
/// mistake with a [`LoadError`] that says where it is; a file without order lines is a mistake too,
/// and so is revenue that adds up, ignoring signs, to more than [`Money`](crate::Money) holds, so that no sum
/// over the data can overflow.
///
/// # Cost
///
/// A row takes as many bytes as its numbers need: 10 where there are at most 128 categories and 32,768 products and
/// operations, units fit into one byte and no line has more than 214,748 in revenue, and 36 at most. They are sorted by date,
/// and each distinct name is there once. Clones share all of it. Questions scan the rows of their period
/// once, from any number of threads.
///
/// ```
/// use mcp_tools_sales::{Dimension, Filter, Measure, Order, Query, SalesStore};
///
/// let csv = "date,product,category,operation,units,revenue\n\
///            2017-03-01,Lamp,Furniture,Dallas,2,39.98\n\
///            2017-03-02,Stapler,Office Supplies,Dallas,1,7.5\n";
/// let store = SalesStore::from_reader("march.csv", csv.as_bytes())?;
/// let query = Query::new(Filter::default())
///     .by(Dimension::Product)
///     .order(Order::Largest(Measure::Revenue))
///     .limit(1);
/// let top = store.answer(&query);
/// assert_eq!((&*top.rows[0].names[0], top.groups), ("Lamp", 2));
/// assert_eq!(top.rows[0].totals.revenue.to_string(), "39.98");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SalesStore {
    data: Arc<Data>,
}

/// What reading the files came to, beside their rows.
pub(crate) struct Found {
    pub(crate) set_aside: u64,
    pub(crate) faults: Vec<String>,
    pub(crate) files: u64,
    pub(crate) columns: Vec<DataColumn>,
}

/// What the clones of a store share.
#[derive(Clone)]
struct Data {
    description: Arc<Description>,
    rows: Columns,
    /// Of each dimension, in the order of [`Dimension::ALL`].
    names: [Arc<Names>; Dimension::ALL.len()],
}

impl SalesStore {
    /// Loads a file, or all files of a folder and those in it whose names end in `.csv`, `.csv.gz`,
    /// `.csv.zst` or `.parquet`; errors name them as `path` does. What a file is shows in its first
    /// bytes. A folder may have a [`SalesFormat`] in it, as `sales.toml`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or is not sales data in every line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        load::open(path.as_ref(), None)
    }

    /// As [`Self::open`], with files that say things in another way.
    ///
    /// # Errors
    ///
    /// As [`Self::open`], but for lines that the format sets aside.
    pub fn open_as(path: impl AsRef<Path>, format: &SalesFormat) -> Result<Self, LoadError> {
        load::open(path.as_ref(), Some(format))
    }

    /// Loads from a reader, which needs no buffer of its own; errors call it `name`.
    ///
    /// # Errors
    ///
    /// When reading fails, or the content is not sales data in every line.
    pub fn from_reader(name: impl Into<String>, reader: impl Read) -> Result<Self, LoadError> {
        Self::from_reader_as(name, reader, &SalesFormat::default())
    }

    /// As [`Self::from_reader`], for what says things in another way.
    ///
    /// # Errors
    ///
    /// As [`Self::from_reader`], but for lines that the format sets aside.
    pub fn from_reader_as(
        name: impl Into<String>,
        reader: impl Read,
        format: &SalesFormat,
    ) -> Result<Self, LoadError> {
        load::read(name.into(), format, reader)
    }

    /// `rows` holds at least one row, in the order of dates, and `names` the names of its codes.
    pub(crate) fn new(
        name: String,
        rows: Columns,
        names: [Names; Dimension::ALL.len()],
        read: Found,
    ) -> Self {
        let lines = rows.days.rows();
        let mut codes = rows.names.iter();
        let names = names.map(|names| {
            Arc::new(codes.next().map_or_else(Names::default, |codes| names.of(codes, lines)))
        });
        let (first, last) = rows.days.period().unwrap_or((Date::EPOCH, Date::EPOCH));
        let description = Arc::new(Description {
            name,
            order_lines: lines as u64,
            first,
            last,
            set_aside: read.set_aside,
            faults: read.faults,
            files: read.files,
            columns: read.columns,
            has_orders: rows.order.is_some(),
        });
        Self { data: Arc::new(Data { description, rows, names }) }
    }

    /// What the data is: its name, its size, its period.
    pub fn description(&self) -> &Description {
        &self.data.description
    }

    /// The names of a dimension: all that are in the data.
    pub fn names(&self, dimension: Dimension) -> &Names {
        self.data.names(dimension)
    }

    /// How many order lines there are: at least one.
    pub fn order_lines(&self) -> usize {
        self.data.rows.days.rows()
    }

    /// The days of the first and the last order line.
    pub fn period(&self) -> (Date, Date) {
        (self.data.description.first, self.data.description.last)
    }

    /// The memory that the data takes, in bytes; names are estimated.
    pub fn heap_bytes(&self) -> usize {
        self.data.heap_bytes()
    }

    /// Answers a query whose names are those of the data; other names have no order lines.
    ///
    /// Scans the rows of the period once, on as many threads as there are processors if they are
    /// many: about a millisecond for a million rows and processor.
    pub fn answer(&self, query: &Query) -> Answer {
        self.data.answer(query)
    }
}

impl Data {
    fn heap_bytes(&self) -> usize {
        let names = self.names.iter().map(|names| names.heap_bytes());
        self.rows.heap_bytes() + names.sum::<usize>()
    }

    fn names(&self, dimension: Dimension) -> &Arc<Names> {
        &self.names[dimension as usize]
    }
}

#[async_trait]
impl SalesEngine for SalesStore {
    async fn describe(&self) -> Result<Arc<Description>, QueryError> {
        Ok(Arc::clone(&self.data.description))
    }

    async fn names(&self, dimension: Dimension) -> Result<Arc<Names>, QueryError> {
        Ok(Arc::clone(self.data.names(dimension)))
    }

    async fn answer(&self, query: &Query) -> Result<Answer, QueryError> {
        if self.order_lines() < MANY_ROWS {
            return Ok(self.data.answer(query));
        }
        let query = query.clone();
        Ok(self.aside(move |data| data.answer(&query)).await)
    }

    async fn affinity(&self, query: &AffinityQuery) -> Result<Affinity, QueryError> {
        let query = query.clone();
        self.aside(move |data| data.affinity(&query)).await
    }
}

impl SalesStore {
    /// Does long work on a thread of its own, so that other calls go on.
    async fn aside<T: Send + 'static>(&self, work: impl FnOnce(&Data) -> T + Send + 'static) -> T {
        let data = Arc::clone(&self.data);
        match tokio::task::spawn_blocking(move || work(&data)).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is ending, and with it whoever waits.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

/// Says how much data there is, not the data.
impl fmt::Debug for SalesStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SalesStore")
            .field("name", &self.data.description.name)
            .field("order_lines", &self.order_lines())
            .field("period", &self.period())
            .finish_non_exhaustive()
    }
}
