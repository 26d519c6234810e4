use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex as SyncMutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use aws_config::SdkConfig;
use mcp_aws::{Client, Page, Request, service};
use serde::Deserialize;
use tokio::{
    sync::{Mutex, oneshot},
    time::Instant,
};

use self::sql::{Statement, Table, identifier};
use crate::{
    Affinity, AffinityQuery, Answer, Cost, DataColumn, Date, Description, Dimension, Money, Names,
    ProductPair, Query, QueryError, QueryErrorKind, Row, SalesEngine, Totals, store::no_orders,
};

mod sql;

/// What Athena charges for a terabyte that it reads, in US dollars, in us-east-1 and most regions:
/// <https://aws.amazon.com/athena/pricing/>, as of 2026.
const USD_PER_TERABYTE: f64 = 5.0;
/// Athena charges for this much at least.
const LEAST_CHARGED: u64 = 10_000_000;
const TERABYTE: f64 = 1e12;

/// How long is waited before asking again whether a query is done: doubled up to the second.
const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// How long what is known of the table is taken to be so.
const KNOWN_FOR: Duration = Duration::from_secs(600);

/// Sales data that Amazon Athena answers from: a table in the Glue catalog. Needs the feature `athena`.
///
/// Queries of the typed model become SQL whose values are bound as parameters. Each is started,
/// awaited with growing pauses, and stopped when its caller goes. Every answer says how many bytes
/// were read and what that cost. Names and the period of the table are asked once in ten minutes.
///
/// The columns are called as a file's are (see [`SalesStore`](crate::SalesStore)) unless
/// [`Self::column`] says otherwise; those that the table has not are left out by
/// [`Self::without`].
///
/// The identity needs `athena:StartQueryExecution`, `GetQueryExecution`, `GetQueryResults` and
/// `StopQueryExecution`, what Athena needs of Glue and of the data's bucket, and to write where results
/// go.
#[derive(Clone)]
pub struct AthenaSales {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    client: Client,
    database: String,
    table: Table,
    work_group: Option<String>,
    output: Option<String>,
    bytes_limit: Option<u64>,
    usd_per_terabyte: f64,
    known: Arc<Known>,
}

#[derive(Default)]
struct Known {
    description: SyncMutex<Option<(Instant, Arc<Description>)>>,
    names: SyncMutex<BTreeMap<Dimension, (Instant, Arc<Names>)>>,
    /// Held by whoever asks for what is not known, so that it is asked for once.
    asking: Mutex<()>,
}

impl AthenaSales {
    /// A table of a database. Nothing is connected to yet.
    pub fn new(database: impl Into<String>, table: impl Into<String>, config: &SdkConfig) -> Self {
        let database = database.into();
        let name = format!("{}.{}", identifier(&database), identifier(&table.into()));
        let column = |name: &str| identifier(name);
        let inner = Inner {
            client: Client::new(config),
            database,
            table: Table {
                name,
                date: column("date"),
                names: Dimension::ALL.map(|dimension| Some(column(dimension.as_str()))),
                order: Some(column("order")),
                units: column("units"),
                revenue: column("revenue"),
            },
            work_group: None,
            output: None,
            bytes_limit: None,
            usd_per_terabyte: USD_PER_TERABYTE,
            known: Arc::default(),
        };
        Self { inner: Arc::new(inner) }.without("currency").without("order")
    }

    fn with(mut self, set: impl FnOnce(&mut Inner)) -> Self {
        set(Arc::make_mut(&mut self.inner));
        self
    }

    /// Says what a column is called: `date` (of type `date`), `product`, `category`, `operation`,
    /// `units`, `revenue`, and, which a table is not taken to have unless this says so, `currency` and
    /// `order`. Other names are ignored.
    #[must_use]
    pub fn column(self, ours: &str, theirs: &str) -> Self {
        let column = identifier(theirs);
        self.with(|inner| inner.table.set(ours, Some(column)))
    }

    /// Says that the table has no such column: one of `product`, `category`, `operation`, `currency`,
    /// `order`.
    #[must_use]
    pub fn without(self, ours: &str) -> Self {
        self.with(|inner| inner.table.set(ours, None))
    }

    /// Sets the work group, whose settings hold: where results go, limits.
    #[must_use]
    pub fn work_group(self, name: impl Into<String>) -> Self {
        self.with(|inner| inner.work_group = Some(name.into()))
    }

    /// Sets where in S3 results go, where the work group does not say: `s3://bucket/prefix/`.
    #[must_use]
    pub fn output(self, location: impl Into<String>) -> Self {
        self.with(|inner| inner.output = Some(location.into()))
    }

    /// Sets how many bytes a question may read. One that has read more is stopped, and fails with
    /// [`QueryErrorKind::TooExpensive`]. It is looked at while the query runs, so that somewhat more
    /// may be read; a work group's own limit is exact.
    #[must_use]
    pub fn bytes_limit(self, bytes: u64) -> Self {
        self.with(|inner| inner.bytes_limit = Some(bytes))
    }

    /// Sets what a terabyte costs in US dollars, where it is not 5.
    #[must_use]
    pub fn usd_per_terabyte(self, usd: f64) -> Self {
        self.with(|inner| inner.usd_per_terabyte = usd)
    }
}

impl Table {
    fn set(&mut self, ours: &str, column: Option<String>) {
        if let Some(dimension) =
            Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == ours)
        {
            self.names[dimension as usize] = column;
            return;
        }
        match (ours, column) {
            ("order", column) => self.order = column,
            ("date", Some(column)) => self.date = column,
            ("units", Some(column)) => self.units = column,
            ("revenue", Some(column)) => self.revenue = column,
            _ => {}
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Started {
    query_execution_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Executions {
    query_execution: Execution,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Execution {
    status: Status,
    #[serde(default)]
    statistics: Statistics,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    state: String,
    state_change_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Statistics {
    data_scanned_in_bytes: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Results {
    result_set: ResultSet,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResultSet {
    #[serde(default)]
    rows: Vec<ResultRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResultRow {
    #[serde(default)]
    data: Vec<Datum>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datum {
    var_char_value: Option<String>,
}

impl Page for Results {
    const TOKEN: &'static str = "NextToken";

    fn next_token(&mut self) -> Option<String> {
        self.next_token.take()
    }
}

/// Stops a query whose caller goes before it is done.
struct Running {
    client: Client,
    id: Option<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        // Outside a runtime nothing can be sent any more.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let client = self.client.clone();
        runtime.spawn(async move {
            let stop = Request::new(&service::ATHENA, "StopQueryExecution")
                .with("QueryExecutionId", id.as_str());
            if let Err(error) = client.send(stop).await {
                tracing::warn!(%error, "a query of Athena could not be stopped");
            }
        });
    }
}

/// Rows of text, as Athena gives them.
type Rows = Vec<Vec<Option<String>>>;

impl Inner {
    /// Starts a statement, waits for it, and reads all of its rows.
    async fn run(&self, statement: Statement) -> Result<(Rows, Cost), QueryError> {
        let mut start = Request::new(&service::ATHENA, "StartQueryExecution")
            .with("QueryString", statement.text)
            .with("QueryExecutionContext", serde_json::json!({"Database": self.database}));
        if !statement.parameters.is_empty() {
            start.set("ExecutionParameters", statement.parameters);
        }
        if let Some(group) = &self.work_group {
            start.set("WorkGroup", group.as_str());
        }
        if let Some(output) = &self.output {
            start.set("ResultConfiguration", serde_json::json!({"OutputLocation": output}));
        }
        let mut running = self.start(start).await?;
        let id = running.id.clone().unwrap_or_default();
        let bytes_scanned = self.finish(&id).await?;
        running.id = None;
        let mut pages = self.client.pages::<Results>(
            Request::new(&service::ATHENA, "GetQueryResults")
                .with("QueryExecutionId", id.as_str())
                .with("MaxResults", 1000),
        );
        let mut rows = Rows::new();
        while let Some(page) = pages.next().await.map_err(refused)? {
            rows.extend(page.result_set.rows.into_iter().map(|row| {
                row.data.into_iter().map(|datum| datum.var_char_value).collect::<Vec<_>>()
            }));
        }
        // The first row of the first page has the columns' names.
        if !rows.is_empty() {
            rows.remove(0);
        }
        #[allow(clippy::cast_precision_loss, reason = "a cost, in dollars")]
        let usd = bytes_scanned.max(LEAST_CHARGED) as f64 / TERABYTE * self.usd_per_terabyte;
        Ok((rows, Cost { bytes_scanned, usd }))
    }

    /// Starts a query. Beside its caller, who may go before it is known what there is to stop.
    async fn start(&self, start: Request) -> Result<Running, QueryError> {
        let client = self.client.clone();
        let (send, receive) = oneshot::channel();
        tokio::spawn(async move {
            let started = client.call::<Started>(start).await;
            let id = started.map(|started| Some(started.query_execution_id));
            // Where nobody waits for it any more, it is dropped, and so stopped.
            drop(send.send(id.map(|id| Running { client, id })));
        });
        match receive.await {
            Ok(started) => started.map_err(refused),
            Err(_) => Err(unavailable("the query was not started".to_owned())),
        }
    }

    /// Waits until a query is done: how many bytes it has read.
    async fn finish(&self, id: &str) -> Result<u64, QueryError> {
        let mut wait = WAIT.0;
        loop {
            let ask =
                Request::new(&service::ATHENA, "GetQueryExecution").with("QueryExecutionId", id);
            let Executions { query_execution: Execution { status, statistics } } =
                self.client.call(ask).await.map_err(refused)?;
            let read = statistics.data_scanned_in_bytes;
            if let Some(limit) = self.bytes_limit.filter(|limit| read > *limit) {
                return Err(QueryError::new(
                    QueryErrorKind::TooExpensive,
                    format!(
                        "This question reads more than the {limit} bytes that one may read here. \
                         Choose a shorter period."
                    ),
                ));
            }
            match status.state.as_str() {
                "SUCCEEDED" => return Ok(read),
                "QUEUED" | "RUNNING" => {}
                state => {
                    let reason = status.state_change_reason.unwrap_or_default();
                    return Err(unavailable(format!("the query ended as {state}: {reason}")));
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAIT.1);
        }
    }

    async fn answer(&self, query: &Query) -> Result<Answer, QueryError> {
        let (rows, cost) = self.run(self.table.query(query)).await?;
        let mut answer = Answer { cost: Some(cost), ..Answer::default() };
        for row in rows {
            let mut values = Values(row.into_iter());
            let period = query.grain.map(|_| values.date()).transpose()?;
            let names = query
                .by
                .iter()
                .map(|_| Ok(values.text()?.into()))
                .collect::<Result<_, QueryError>>()?;
            let order_lines = values.number()?;
            let (units, revenue) = (values.number()?, Money::from_steps(values.number()?));
            answer.groups = values.number()?;
            answer.rows.push(Row { period, names, totals: Totals { order_lines, units, revenue } });
        }
        if query.limit == Some(0) {
            answer.rows.clear();
        }
        Ok(answer)
    }
}

/// The values of a row, one after the other.
struct Values(std::vec::IntoIter<Option<String>>);

impl Values {
    fn text(&mut self) -> Result<String, QueryError> {
        self.0.next().map(Option::unwrap_or_default).ok_or_else(|| unreadable("a row is too short"))
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, QueryError> {
        let text = self.text()?;
        text.parse().map_err(|_| unreadable(&format!("{text:?} is no number that was expected")))
    }

    fn date(&mut self) -> Result<Date, QueryError> {
        let text = self.text()?;
        // Some engines write the time of midnight behind it.
        let day = text.get(..10).unwrap_or(&text);
        day.parse().map_err(|_| unreadable(&format!("{text:?} is no date")))
    }
}

fn refused(error: mcp_aws::Error) -> QueryError {
    QueryError::unavailable(format!("Athena cannot be asked. {}", error.advice()), error)
}

fn unavailable(reason: String) -> QueryError {
    QueryError::unavailable(
        "Athena could not answer this. The server's log says why; whoever runs it has to see to it.",
        reason,
    )
}

fn unreadable(reason: &str) -> QueryError {
    unavailable(format!("the answer cannot be read: {reason}"))
}

impl Known {
    fn description(&self) -> Option<Arc<Description>> {
        let known = self.description.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .as_ref()
            .filter(|(at, _)| at.elapsed() < KNOWN_FOR)
            .map(|(_, known)| Arc::clone(known))
    }

    fn names(&self, dimension: Dimension) -> Option<Arc<Names>> {
        let known = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&dimension)
            .filter(|(at, _)| at.elapsed() < KNOWN_FOR)
            .map(|(_, known)| Arc::clone(known))
    }
}

#[async_trait]
impl SalesEngine for AthenaSales {
    async fn describe(&self) -> Result<Arc<Description>, QueryError> {
        let Inner { table, known, .. } = &*self.inner;
        if let Some(description) = known.description() {
            return Ok(description);
        }
        let _asking = known.asking.lock().await;
        if let Some(description) = known.description() {
            return Ok(description);
        }
        let (rows, _) = self.inner.run(table.describe()).await?;
        let mut values = Values(rows.into_iter().next().unwrap_or_default().into_iter());
        let order_lines = values.number()?;
        if order_lines == 0 {
            return Err(unavailable("the table has no rows".to_owned()));
        }
        let (first, last) = (values.date()?, values.date()?);
        let used = Dimension::ALL
            .into_iter()
            .filter_map(|dimension| {
                Some((dimension.as_str(), table.names[dimension as usize].as_ref()?))
            })
            .chain([("date", &table.date), ("units", &table.units), ("revenue", &table.revenue)])
            .chain(table.order.as_ref().map(|order| ("order", order)));
        let columns = used
            .map(|(ours, theirs)| DataColumn {
                name: theirs.clone(),
                kind: "as the catalog says".to_owned(),
                used_as: Some(ours.to_owned()),
            })
            .collect();
        let description = Arc::new(Description {
            name: format!("Athena table {}", table.name),
            order_lines,
            first,
            last,
            set_aside: 0,
            faults: Vec::new(),
            has_orders: table.order.is_some(),
            files: 0,
            columns,
        });
        *known.description.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), Arc::clone(&description)));
        Ok(description)
    }

    async fn names(&self, dimension: Dimension) -> Result<Arc<Names>, QueryError> {
        let Inner { table, known, .. } = &*self.inner;
        if table.names[dimension as usize].is_none() {
            return Ok(Arc::default());
        }
        if let Some(names) = known.names(dimension) {
            return Ok(names);
        }
        let _asking = known.asking.lock().await;
        if let Some(names) = known.names(dimension) {
            return Ok(names);
        }
        let answer = self.inner.answer(&Query::default().by(dimension)).await?;
        let lines = answer.rows.into_iter().map(|row| {
            (row.names.into_iter().next().unwrap_or_else(|| "".into()), row.totals.order_lines)
        });
        let names = Arc::new(Names::counted(lines.collect()));
        known
            .names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(dimension, (Instant::now(), Arc::clone(&names)));
        Ok(names)
    }

    async fn answer(&self, query: &Query) -> Result<Answer, QueryError> {
        self.inner.answer(query).await
    }

    async fn affinity(&self, query: &AffinityQuery) -> Result<Affinity, QueryError> {
        let statement = self.inner.table.affinity(query).ok_or_else(no_orders)?;
        let (rows, cost) = self.inner.run(statement).await?;
        let mut affinity = Affinity { cost: Some(cost), ..Affinity::default() };
        for row in rows {
            // Without any pair, the row says how many orders there are.
            let Some(Some(_)) = row.first() else {
                affinity.orders =
                    Values(row.into_iter().rev().take(1).collect::<Vec<_>>().into_iter())
                        .number()?;
                continue;
            };
            let mut values = Values(row.into_iter());
            affinity.pairs.push(ProductPair {
                product: values.text()?.into(),
                other: values.text()?.into(),
                together: values.number()?,
                orders: values.number()?,
                other_orders: values.number()?,
            });
            affinity.count = values.number()?;
            affinity.orders = values.number()?;
        }
        affinity.pairs.truncate(query.limit);
        Ok(affinity)
    }
}

impl fmt::Debug for AthenaSales {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AthenaSales").field("table", &self.inner.table.name).finish_non_exhaustive()
    }
}
