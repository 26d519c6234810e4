use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{ByDate, Columns, Data, SalesStore};
use crate::{
    Affinity, AffinityQuery, Answer, Date, Description, Dimension, Filter, LoadError, Names, Query,
    QueryError, SalesEngine, SalesFormat,
    load::{self, Days, Input, Unread, Wanted},
};

/// Sales data in files, of which questions read what they need.
///
/// They are the files that [`SalesStore::open`] takes. What is in Parquet alone is read column by column:
/// opening looks at the schema and at all dates; any other column is read, and all of its values are
/// checked, when the first question comes that needs it, and is kept in memory as [`SalesStore`] keeps
/// it. So the first answer comes as soon as its own columns are there. A mistake in a column is an error of
/// each question that needs the column, and no answer is made of a column with a mistake.
///
/// All is read and checked when it is opened where there is CSV among the files, or where the [`SalesFormat`]
/// says `on_bad_rows = "report"` (as what is set aside then depends on all columns) or `check = "start"`.
///
/// Clones share the data. The files stay open until all columns have been read; one that is written to before
/// that is an error of the questions that come after.
///
/// ```
/// use mcp_tools_sales::{Filter, Sales, SalesFiles};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # let path = std::env::temp_dir().join(format!("sales-files-{}.csv", std::process::id()));
/// # std::fs::write(&path, "date,product,category,operation,units,revenue\n2017-03-01,Lamp,Furniture,Dallas,2,39.98\n")?;
/// let sales = Sales::from(SalesFiles::open(&path)?);
/// assert_eq!(sales.describe().await?.order_lines, 1);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SalesFiles(Kind);

#[derive(Clone)]
enum Kind {
    Whole(SalesStore),
    ByColumn(Arc<ByColumn>),
}

struct ByColumn {
    description: Arc<Description>,
    by_date: ByDate,
    /// What has been read, and which columns that is.
    read: Mutex<(Arc<Data>, Wanted)>,
    /// Held by whoever reads. None once all has been read.
    unread: Mutex<Option<Unread>>,
}

impl SalesFiles {
    /// Opens a file or a folder, as [`SalesStore::open`] takes them.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, has not the columns of sales data, or has a mistake in what is looked at.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let (name, format, inputs) = load::find(path.as_ref(), None)?;
        Self::of(name, &format, inputs)
    }

    /// As [`Self::open`], with files that say things in another way.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_as(path: impl AsRef<Path>, format: &SalesFormat) -> Result<Self, LoadError> {
        let (name, format, inputs) = load::find(path.as_ref(), Some(format))?;
        Self::of(name, &format, inputs)
    }

    pub(crate) fn of(
        name: String,
        format: &SalesFormat,
        inputs: Vec<Input>,
    ) -> Result<Self, LoadError> {
        let unread = match Unread::open(&name, format, inputs)? {
            Ok(unread) => unread,
            Err(inputs) => return load::load(name, format, inputs).map(Kind::Whole).map(Self),
        };
        let Days { by_date, days, files, columns } = unread.days()?;
        let (first, last) = days.period().unwrap_or((Date::EPOCH, Date::EPOCH));
        let description = Arc::new(Description {
            name,
            order_lines: days.rows() as u64,
            first,
            last,
            set_aside: 0,
            faults: Vec::new(),
            files,
            columns,
            has_orders: unread.has_orders(),
        });
        let rows = Columns { days, ..Columns::default() };
        let data = Data { description: Arc::clone(&description), rows, names: Default::default() };
        let read = Mutex::new((Arc::new(data), Wanted::DATE));
        let unread = Mutex::new(Some(unread));
        Ok(Self(Kind::ByColumn(Arc::new(ByColumn { description, by_date, read, unread }))))
    }

    /// Reads and checks all columns that have not been read, now.
    ///
    /// # Errors
    ///
    /// When a file cannot be read any more, or has a mistake.
    pub fn load(&self) -> Result<(), LoadError> {
        match &self.0 {
            Kind::Whole(_) => Ok(()),
            Kind::ByColumn(files) => files.load(Wanted::ALL).map(drop),
        }
    }

    /// The memory that what has been read takes, in bytes; names are estimated.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Kind::Whole(store) => store.heap_bytes(),
            Kind::ByColumn(files) => files.read().0.heap_bytes(),
        }
    }

    /// A store in which these columns are.
    async fn with(&self, wanted: Wanted) -> Result<SalesStore, QueryError> {
        let files = match &self.0 {
            Kind::Whole(store) => return Ok(store.clone()),
            Kind::ByColumn(files) => files,
        };
        let (data, read) = files.read();
        if wanted.without(read).is_none() {
            return Ok(SalesStore { data });
        }
        let files = Arc::clone(files);
        let data = match tokio::task::spawn_blocking(move || files.load(wanted)).await {
            Ok(data) => data.map_err(unavailable)?,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is ending, and with it whoever waits.
                Err(_) => std::future::pending().await,
            },
        };
        Ok(SalesStore { data })
    }
}

impl ByColumn {
    fn read(&self) -> (Arc<Data>, Wanted) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads what is wanted and has not been read.
    fn load(&self, wanted: Wanted) -> Result<Arc<Data>, LoadError> {
        let mut unread: MutexGuard<'_, Option<Unread>> =
            self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever was before may have read it.
        let (data, read) = self.read();
        let (Some(missing), Some(files)) = (wanted.without(read), &*unread) else {
            return Ok(data);
        };
        let (columns, names) = files.read(missing, &self.by_date)?;
        let mut data = Data::clone(&data);
        if missing.sums {
            data.rows.units = columns.units;
            data.rows.revenue = columns.revenue;
        }
        if missing.order {
            data.rows.order = columns.order;
        }
        let rows = data.rows.days.rows();
        let found = columns.names.into_iter().zip(names).enumerate();
        for (dimension, (codes, names)) in found.filter(|(place, _)| missing.names[*place]) {
            data.names[dimension] = Arc::new(names.of(&codes, rows));
            data.rows.names[dimension] = codes;
        }
        let (data, read) = (Arc::new(data), read.and(missing));
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = (Arc::clone(&data), read);
        if read == Wanted::ALL {
            *unread = None;
        }
        Ok(data)
    }
}

/// The model is told what is wrong and where, as it was told all else that is in the data.
fn unavailable(error: LoadError) -> QueryError {
    let message = format!(
        "The sales data cannot answer this: {error}. Whoever runs the server has to mend the file; \
         questions that do not need it are answered."
    );
    QueryError::unavailable(message, error)
}

impl Wanted {
    /// What a filter looks at.
    fn of(filter: &Filter) -> Self {
        let names = Dimension::ALL.map(|dimension| filter.name(dimension).is_some());
        Self { names, sums: true, ..Self::DATE }
    }

    fn with(mut self, dimension: Dimension) -> Self {
        self.names[dimension as usize] = true;
        self
    }

    fn and(mut self, other: Self) -> Self {
        self.date |= other.date;
        self.sums |= other.sums;
        self.order |= other.order;
        self.names.iter_mut().zip(other.names).for_each(|(ours, theirs)| *ours |= theirs);
        self
    }

    /// What is not in the other; none if all is.
    fn without(mut self, other: Self) -> Option<Self> {
        self.date &= !other.date;
        self.sums &= !other.sums;
        self.order &= !other.order;
        self.names.iter_mut().zip(other.names).for_each(|(ours, theirs)| *ours &= !theirs);
        (self.date || self.sums || self.order || self.names.contains(&true)).then_some(self)
    }
}

#[async_trait]
impl SalesEngine for SalesFiles {
    async fn describe(&self) -> Result<Arc<Description>, QueryError> {
        match &self.0 {
            Kind::Whole(store) => store.describe().await,
            Kind::ByColumn(files) => Ok(Arc::clone(&files.description)),
        }
    }

    async fn names(&self, dimension: Dimension) -> Result<Arc<Names>, QueryError> {
        let store = self.with(Wanted::DATE.with(dimension)).await?;
        SalesEngine::names(&store, dimension).await
    }

    async fn answer(&self, query: &Query) -> Result<Answer, QueryError> {
        let by = query.by.iter().copied();
        let store = self.with(by.fold(Wanted::of(&query.filter), Wanted::with)).await?;
        SalesEngine::answer(&store, query).await
    }

    async fn affinity(&self, query: &AffinityQuery) -> Result<Affinity, QueryError> {
        let wanted = Wanted { order: true, ..Wanted::of(&query.filter).with(Dimension::Product) };
        self.with(wanted).await?.affinity(query).await
    }
}

/// Says what has been read, not the data.
impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(store) => store.fmt(f),
            Self::ByColumn(files) => f
                .debug_struct("SalesFiles")
                .field("name", &files.description.name)
                .field("order_lines", &files.description.order_lines)
                .field("read", &files.read().1)
                .finish_non_exhaustive(),
        }
    }
}
