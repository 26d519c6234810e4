use std::{
    fmt, io,
    path::PathBuf,
    sync::{
        Arc, Mutex as SyncMutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use aws_config::SdkConfig;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use mcp_aws::Client;
use tokio::{sync::Mutex, time::Instant};

use self::{
    location::Location,
    objects::{Failed, Fetched, Object},
};
use crate::{
    Affinity, AffinityQuery, Answer, Description, Dimension, LoadError, Names, Query, QueryError,
    SalesEngine, SalesFiles, SalesFormat, load,
};

mod location;
mod objects;

/// Objects up to this size in all are read into memory; beyond it, into a folder.
const IN_MEMORY: u64 = 64 << 20;

/// Objects may be so large in all unless set: what Lambda has in `/tmp` unless set.
const BUDGET: u64 = 512 << 20;

/// So many objects are read at a time.
const AT_A_TIME: usize = 4;

/// So often is read again what changed between being listed and being read.
const TRIES: usize = 3;

/// Sales data in S3: all objects below a prefix, or one object. Needs the feature `s3`.
///
/// They are what files are to [`SalesFiles::open`], a `sales.toml` among them included. They are
/// read when the first question comes, or by [`Self::load`], and the columns of Parquet when a question needs
/// them; answers then come from memory. A question
/// that comes a while later (a minute unless set) has the objects listed beside it, and read again
/// where one was added, removed or changed; until all of them, and all their columns, are loaded, and if
/// they cannot be, questions are answered from what was there before. Clones share the data.
///
/// Objects are read in the version that was listed, so that no answer mixes two. What is read is
/// kept in memory up to 64 MiB in all, until all columns have been read, beyond that in a folder
/// ([`std::env::temp_dir`] unless set), where another process finds it again. What was kept there of the same
/// location before is deleted once all objects are there, so that the folder holds at most twice the budget,
/// and the budget most of the time.
///
/// `AWS_ENDPOINT_URL` and what else the configuration says is honoured. The identity needs
/// `s3:ListBucket` and `s3:GetObject`.
///
/// ```no_run
/// # async fn example() -> Result<(), mcp_tools_sales::LoadError> {
/// use mcp_tools_sales::S3Sales;
///
/// let sales = S3Sales::new("s3://example-sales/2026/", &mcp_aws::load_config().await)?;
/// sales.load().await?;
/// let pack = mcp_tools_sales::pack(sales);
/// # drop(pack);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct S3Sales {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    at: Location,
    format: Option<SalesFormat>,
    budget: u64,
    in_memory: u64,
    folder: PathBuf,
    check_after: Duration,
    current: SyncMutex<Option<Current>>,
    /// Held by whoever loads.
    loading: Mutex<()>,
    /// Whether the objects are being listed again.
    checking: AtomicBool,
    /// Bytes that have been read, and how many there are.
    progress: (AtomicU64, AtomicU64),
}

/// What questions are answered from.
#[derive(Clone)]
struct Current {
    store: SalesFiles,
    objects: Arc<[Object]>,
    checked: Instant,
}

impl S3Sales {
    /// Sales data at `s3://bucket/prefix`. Nothing is connected to yet.
    ///
    /// # Errors
    ///
    /// When the location is none.
    pub fn new(location: &str, config: &SdkConfig) -> Result<Self, LoadError> {
        Ok(Self {
            inner: Arc::new(Inner {
                client: Client::new(config),
                at: location.parse()?,
                format: None,
                budget: BUDGET,
                in_memory: IN_MEMORY,
                folder: std::env::temp_dir(),
                check_after: Duration::from_secs(60),
                current: SyncMutex::default(),
                loading: Mutex::default(),
                checking: AtomicBool::default(),
                progress: Default::default(),
            }),
        })
    }

    fn with(mut self, set: impl FnOnce(&mut Inner)) -> Self {
        // A builder is used before it is cloned.
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            set(inner);
        }
        self
    }

    /// Sets how files say things, instead of a `sales.toml` among the objects.
    #[must_use]
    pub fn format(self, format: SalesFormat) -> Self {
        self.with(|inner| inner.format = Some(format))
    }

    /// Sets how large the objects may be in all, in bytes, as they are in S3: 512 MiB unless set.
    #[must_use]
    pub fn budget(self, bytes: u64) -> Self {
        self.with(|inner| inner.budget = bytes)
    }

    /// Sets from which size in all, in bytes, objects are kept in a folder instead of in memory while
    /// they are loaded, and which folder.
    #[must_use]
    pub fn cache(self, in_memory: u64, folder: impl Into<PathBuf>) -> Self {
        self.with(|inner| (inner.in_memory, inner.folder) = (in_memory, folder.into()))
    }

    /// Sets after what time a question has the objects listed again: a minute unless set.
    #[must_use]
    pub fn check_after(self, time: Duration) -> Self {
        self.with(|inner| inner.check_after = time)
    }

    /// Loads the data, unless it is loaded.
    ///
    /// # Errors
    ///
    /// When the objects cannot be listed or read, are more than the budget, or are not sales data.
    pub async fn load(&self) -> Result<(), LoadError> {
        self.first().await.map(drop)
    }

    /// Lists the objects now, and loads what has changed; whether something had.
    ///
    /// # Errors
    ///
    /// As [`Self::load`]; questions go on being answered from what was there before.
    pub async fn refresh(&self) -> Result<bool, LoadError> {
        let _loading = self.inner.loading.lock().await;
        let before = self.current();
        let objects = objects::list(&self.inner.client, &self.inner.at).await?;
        if let Some(before) = &before
            && *before.objects == *objects
        {
            self.set(Current { checked: Instant::now(), ..before.clone() });
            return Ok(false);
        }
        // A mistake in any column is found before what was there before goes.
        let whole = before.is_some();
        self.set(self.inner.read(objects, whole).await?);
        Ok(true)
    }

    fn current(&self) -> Option<Current> {
        self.inner.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, current: Current) {
        *self.inner.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(current);
    }

    async fn first(&self) -> Result<Current, LoadError> {
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let _loading = self.inner.loading.lock().await;
        // Whoever was before may have loaded it.
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let objects = objects::list(&self.inner.client, &self.inner.at).await?;
        let current = self.inner.read(objects, false).await?;
        self.set(current.clone());
        Ok(current)
    }

    /// What a question is answered from.
    async fn store(&self) -> Result<SalesFiles, QueryError> {
        let current = self.first().await.map_err(unavailable)?;
        if current.checked.elapsed() >= self.inner.check_after
            && !self.inner.checking.swap(true, Ordering::Relaxed)
        {
            let sales = self.clone();
            tokio::spawn(async move {
                if let Err(error) = sales.refresh().await {
                    tracing::warn!(%error, "the sales data could not be loaded again; what was loaded before is served");
                    // Not again with the very next question.
                    if let Some(current) = sales.current() {
                        sales.set(Current { checked: Instant::now(), ..current });
                    }
                }
                sales.inner.checking.store(false, Ordering::Relaxed);
            });
        }
        Ok(current.store)
    }
}

/// The model is told that the data cannot be read, and of what kind the reason is; the operator is
/// told the reason.
fn unavailable(error: LoadError) -> QueryError {
    QueryError::unavailable(
        "The sales data cannot be read from S3 at the moment. The server's log says why; whoever runs \
         it has to see to it.",
        error,
    )
}

impl Inner {
    /// Reads objects, with all columns or those that questions need; objects that change meanwhile have all
    /// listed anew.
    async fn read(&self, mut objects: Vec<Object>, whole: bool) -> Result<Current, LoadError> {
        let name = self.at.to_string();
        for _ in 0..TRIES {
            let size: u64 = objects.iter().map(|object| object.size).sum();
            if size > self.budget {
                let expected = format!("objects of at most {} bytes in all", self.budget);
                return Err(LoadError::file(&name, expected, format!("{size} bytes")));
            }
            self.progress.0.store(0, Ordering::Relaxed);
            self.progress.1.store(size, Ordering::Relaxed);
            let folder = (size > self.in_memory).then_some(self.folder.as_path());
            let reading: Vec<_> = objects
                .iter()
                .map(|object| async move {
                    let (client, at, done) = (&self.client, &self.at, &self.progress.0);
                    let fetched = objects::fetch(client, at, object, folder, done).await?;
                    Ok((object.key.clone(), fetched))
                })
                .collect();
            let fetched = stream::iter(reading).buffered(AT_A_TIME).try_collect::<Vec<_>>().await;
            match fetched {
                Ok(fetched) => {
                    if let Some(folder) = folder
                        && let Err(error) = objects::keep_only(folder, &self.at, &objects).await
                    {
                        tracing::warn!(%error, "old versions of the sales data could not be deleted");
                    }
                    let store = self.parse(name, fetched, whole).await?;
                    self.progress.1.store(0, Ordering::Relaxed);
                    let checked = Instant::now();
                    return Ok(Current { store, objects: objects.into(), checked });
                }
                Err(Failed::Error(error)) => return Err(error),
                Err(Failed::Changed) => objects = objects::list(&self.client, &self.at).await?,
            }
        }
        Err(LoadError::refused(
            &name,
            "objects that stay as they are while they are read".to_owned(),
            format!("that one was deleted or replaced, {TRIES} times in a row"),
        ))
    }

    async fn parse(
        &self,
        name: String,
        fetched: Vec<(String, Fetched)>,
        whole: bool,
    ) -> Result<SalesFiles, LoadError> {
        let (bucket, format) = (self.at.bucket.clone(), self.format.clone());
        let parse = move || {
            let mut found = SalesFormat::default();
            let mut inputs = Vec::new();
            for (key, content) in fetched {
                let name = format!("s3://{bucket}/{key}");
                let is_format = key.rsplit('/').next() == Some(load::FORMAT_FILE);
                match content {
                    Fetched::Memory(bytes) if is_format => {
                        found = SalesFormat::named(&name, &String::from_utf8_lossy(&bytes))?;
                    }
                    Fetched::File(file) if is_format => {
                        let text = io::read_to_string(file);
                        let text = text.map_err(|error| LoadError::io(&name, None, error))?;
                        found = SalesFormat::named(&name, &text)?;
                    }
                    Fetched::Memory(bytes) => inputs.push(load::Input::bytes(name, bytes)),
                    Fetched::File(file) => inputs.push(load::Input::opened(name, file)),
                }
            }
            let files = SalesFiles::of(name, format.as_ref().unwrap_or(&found), inputs)?;
            if whole {
                files.load()?;
            }
            Ok(files)
        };
        match tokio::task::spawn_blocking(parse).await {
            Ok(store) => store,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is ending, and with it whoever waits.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

#[async_trait]
impl SalesEngine for S3Sales {
    async fn describe(&self) -> Result<Arc<Description>, QueryError> {
        self.store().await?.describe().await
    }

    async fn names(&self, dimension: Dimension) -> Result<Arc<Names>, QueryError> {
        SalesEngine::names(&self.store().await?, dimension).await
    }

    async fn answer(&self, query: &Query) -> Result<Answer, QueryError> {
        SalesEngine::answer(&self.store().await?, query).await
    }

    async fn affinity(&self, query: &AffinityQuery) -> Result<Affinity, QueryError> {
        self.store().await?.affinity(query).await
    }

    fn progress(&self) -> Option<(u64, u64)> {
        let (done, all) = &self.inner.progress;
        let all = all.load(Ordering::Relaxed);
        (all > 0).then(|| (done.load(Ordering::Relaxed).min(all), all))
    }
}

impl fmt::Debug for S3Sales {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Sales")
            .field("at", &self.inner.at)
            .field("loaded", &self.current().map(|current| current.store))
            .finish_non_exhaustive()
    }
}
