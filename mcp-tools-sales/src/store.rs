use std::{fmt, fs::File, io::Read, path::Path};

use crate::{Date, LoadError, Money, QueryError, QueryErrorKind, Selection, load, names::Names};

/// How many operations an error lists by likeness to the one asked for, and how many by size.
const CLOSEST: usize = 5;
const LARGEST: usize = 12;

/// How much of an unknown operation's name is looked at and repeated, in characters.
const LONGEST_ASKED: usize = 100;

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
/// | `revenue` | a decimal with at most four places, see [`Money`] |
///
/// Units and revenue below zero are returns and count against sales. Loading stops at the first
/// mistake with a [`LoadError`] that says where it is; a file without order lines is a mistake too,
/// and so is revenue that adds up, ignoring signs, to more than [`Money`] holds, so that no sum
/// over the data can overflow.
///
/// # Cost
///
/// 28 bytes a row, sorted by date, plus each distinct name once. Loading needs up to twice that
/// while its columns grow. Questions scan the rows of their period once, from any number of
/// threads.
///
/// ```
/// use mcp_tools_sales::{Measure, SalesStore};
///
/// let csv = "date,product,category,operation,units,revenue\n\
///            2017-03-01,Lamp,Furniture,Dallas,2,39.98\n\
///            2017-03-02,Stapler,Office Supplies,Dallas,1,7.5\n";
/// let store = SalesStore::from_reader("march.csv", csv.as_bytes())?;
/// let top = store.select(Some("dallas"), None, None)?.top_products(1, Measure::Revenue);
/// assert_eq!(top[0].name, "Lamp");
/// assert_eq!(top[0].totals.revenue.to_string(), "39.98");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SalesStore {
    pub(crate) name: String,
    pub(crate) rows: Columns,
    pub(crate) products: Names,
    pub(crate) categories: Names,
    pub(crate) operations: Names,
    /// Codes of the operations with the most order lines, most first, at most [`LARGEST`].
    largest: Vec<u32>,
}

/// One entry per order line in each column, by date. Names are codes of their [`Names`].
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) date: Vec<Date>,
    pub(crate) product: Vec<u32>,
    pub(crate) category: Vec<u32>,
    pub(crate) operation: Vec<u32>,
    pub(crate) units: Vec<i32>,
    pub(crate) revenue: Vec<Money>,
}

impl SalesStore {
    /// Loads a CSV file; errors name it as `path` does.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not sales data in every line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| LoadError::io(&name, None, error))?;
        Self::from_reader(name, file)
    }

    /// Loads CSV from a reader, which needs no buffer of its own; errors call it `name`.
    ///
    /// # Errors
    ///
    /// When reading fails, or the content is not sales data in every line.
    pub fn from_reader(name: impl Into<String>, reader: impl Read) -> Result<Self, LoadError> {
        load::load(name.into(), reader)
    }

    /// `rows` holds at least one row.
    pub(crate) fn new(
        name: String,
        mut rows: Columns,
        products: Names,
        categories: Names,
        operations: Names,
    ) -> Self {
        rows.sort();
        let mut lines = vec![0_u64; operations.len()];
        for &operation in &rows.operation {
            lines[operation as usize] += 1;
        }
        let mut largest: Vec<u32> = (0..).take(operations.len()).collect();
        largest.sort_unstable_by_key(|&code| {
            (std::cmp::Reverse(lines[code as usize]), operations.decode(code))
        });
        largest.truncate(LARGEST);
        let mut store = Self { name, rows, products, categories, operations, largest };
        store.rows.shrink_to_fit();
        store.products.shrink_to_fit();
        store.categories.shrink_to_fit();
        store.operations.shrink_to_fit();
        store
    }

    /// What the data was called when it was loaded: the path, or the reader's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many order lines there are: at least one.
    pub fn order_lines(&self) -> usize {
        self.rows.date.len()
    }

    /// The days of the first and the last order line.
    pub fn period(&self) -> (Date, Date) {
        (self.rows.date[0], self.rows.date[self.rows.date.len() - 1])
    }

    /// The memory that the data takes, in bytes; names are estimated.
    pub fn heap_bytes(&self) -> usize {
        let Columns { date, product, category, operation, units, revenue } = &self.rows;
        let codes = product.capacity() + category.capacity() + operation.capacity();
        size_of::<Date>() * date.capacity()
            + size_of::<u32>() * codes
            + size_of::<i32>() * units.capacity()
            + size_of::<Money>() * revenue.capacity()
            + [&self.products, &self.categories, &self.operations]
                .map(Names::heap_bytes)
                .iter()
                .sum::<usize>()
    }

    /// The order lines of an operation, or of all, from one day to another, both included.
    ///
    /// An operation is found by its name as written, or else by its name in any case. Without
    /// `from` or `to` the period reaches to the first or the last order line of the data.
    ///
    /// # Errors
    ///
    /// [`QueryErrorKind::UnknownOperation`], whose message lists operations that there are: all if
    /// they are few, else the closest names and the largest operations;
    /// [`QueryErrorKind::ReversedPeriod`] when `from` is after `to`. A period without order lines
    /// is no error, see [`Selection::note`].
    pub fn select(
        &self,
        operation: Option<&str>,
        from: Option<Date>,
        to: Option<Date>,
    ) -> Result<Selection<'_>, QueryError> {
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            let message =
                format!("The period ends before it begins: from {from} is after to {to}.");
            return Err(QueryError::new(QueryErrorKind::ReversedPeriod, message));
        }
        let operation = match operation.map(str::trim) {
            Some(name) => {
                Some(self.operations.find(name).ok_or_else(|| self.unknown_operation(name))?)
            }
            None => None,
        };
        let (first, last) = self.period();
        let from = from.unwrap_or_else(|| to.map_or(first, |to| to.min(first)));
        let to = to.unwrap_or(from.max(last));
        Ok(Selection::new(self, operation, from, to))
    }

    fn unknown_operation(&self, asked: &str) -> QueryError {
        let asked =
            &asked[..asked.char_indices().nth(LONGEST_ASKED).map_or(asked.len(), |(end, _)| end)];
        let mut message = format!("There is no operation {asked:?}.");
        let count = self.operations.len();
        if count <= CLOSEST + LARGEST {
            let mut known: Vec<&str> = self.operations.iter().collect();
            known.sort_unstable();
            message += &format!(" The operations are: {}.", known.join(", "));
        } else {
            let closest = self.closest_operations(asked);
            if !closest.is_empty() {
                message += &format!(" The closest names: {}.", closest.join(", "));
            }
            let largest: Vec<&str> = self
                .largest
                .iter()
                .map(|&code| self.operations.decode(code))
                .filter(|name| !closest.contains(name))
                .collect();
            let more = count - closest.len() - largest.len();
            message += &format!(
                " Those with the most order lines: {}, and {more} more.",
                largest.join(", ")
            );
        }
        QueryError::new(QueryErrorKind::UnknownOperation, message)
    }

    /// Operations whose names are like `asked`, the likest first.
    fn closest_operations(&self, asked: &str) -> Vec<&str> {
        // Jaro-Winkler favours a common beginning, which is how people shorten and misspell names.
        // Below this likeness on the sample's cities the matches stop being guesses that anyone
        // would make.
        const ALIKE: f64 = 0.75;
        let asked = asked.to_lowercase();
        let mut closest: Vec<(f64, &str)> = self
            .operations
            .iter()
            .map(|name| (strsim::jaro_winkler(&asked, &name.to_lowercase()), name))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .collect();
        closest.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        closest.truncate(CLOSEST);
        closest.into_iter().map(|(_, name)| name).collect()
    }
}

/// Says how much data there is, not the data.
impl fmt::Debug for SalesStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SalesStore")
            .field("name", &self.name)
            .field("order_lines", &self.order_lines())
            .field("period", &self.period())
            .finish_non_exhaustive()
    }
}

impl Columns {
    fn sort(&mut self) {
        if self.date.is_sorted() {
            return;
        }
        let mut order: Vec<u32> = (0..).take(self.date.len()).collect();
        order.sort_by_key(|&row| self.date[row as usize]);
        fn permute<T: Copy>(column: &mut Vec<T>, order: &[u32]) {
            *column = order.iter().map(|&row| column[row as usize]).collect();
        }
        permute(&mut self.date, &order);
        permute(&mut self.product, &order);
        permute(&mut self.category, &order);
        permute(&mut self.operation, &order);
        permute(&mut self.units, &order);
        permute(&mut self.revenue, &order);
    }

    fn shrink_to_fit(&mut self) {
        self.date.shrink_to_fit();
        self.product.shrink_to_fit();
        self.category.shrink_to_fit();
        self.operation.shrink_to_fit();
        self.units.shrink_to_fit();
        self.revenue.shrink_to_fit();
    }
}
