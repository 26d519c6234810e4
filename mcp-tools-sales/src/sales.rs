use std::{fmt, sync::Arc};

use crate::{
    Affinity, AffinityQuery, Answer, Date, Description, Dimension, Filter, Grain, Measure, Query,
    QueryError, QueryErrorKind, SalesEngine, Series, tools::Exports,
};

/// Sales that can be asked about: the state of the pack's tools.
///
/// Before a question goes to the engine, [`Self::scope`] makes a filter of names and days as people
/// write them: names in any case, unknown ones refused with those that are close, periods cut to
/// the data, and one currency wherever revenue is summed.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use mcp_tools_sales::{Filter, Grain, Measure, Sales, SalesStore};
///
/// let csv = "date,product,category,operation,units,revenue
/// 2017-03-01,Lamp,Furniture,Dallas,2,39.98
/// 2017-05-01,Lamp,Furniture,Dallas,1,19.99
/// ";
/// let sales = Sales::from(SalesStore::from_reader("2017.csv", csv.as_bytes())?);
/// let dallas = Filter { operation: Some("dallas".into()), ..Filter::default() };
/// let series = sales.series(dallas, Measure::Revenue, Grain::Month, None).await?;
/// let points: Vec<_> = series[0].points.iter().map(|point| (point.date.to_string(), point.value)).collect();
/// assert_eq!(points, [("2017-03-01".to_owned(), 39.98), ("2017-05-01".to_owned(), 19.99)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Sales {
    engine: Arc<dyn SalesEngine>,
    pub(crate) exports: Arc<Exports>,
}

/// Which order lines an answer is about: a filter with the names and the currency of the data, and
/// what else has to be said beside sums.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The filter. Its period has both ends.
    pub filter: Filter,
    /// The first day that counts.
    pub from: Date,
    /// The last day that counts.
    pub to: Date,
    /// What the data is.
    pub data: Arc<Description>,
}

impl Sales {
    /// Asks an engine.
    pub fn new(engine: impl SalesEngine + 'static) -> Self {
        Self { engine: Arc::new(engine), exports: Arc::default() }
    }

    /// While data is being loaded that questions wait for: how many bytes have been read, of how many.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.engine.progress()
    }

    /// What data there is.
    ///
    /// # Errors
    ///
    /// When the data cannot be reached.
    pub async fn describe(&self) -> Result<Arc<Description>, QueryError> {
        self.engine.describe().await
    }

    /// The names of a dimension.
    ///
    /// # Errors
    ///
    /// When the data cannot be reached.
    pub async fn names(&self, dimension: Dimension) -> Result<Arc<crate::Names>, QueryError> {
        self.engine.names(dimension).await
    }

    /// Makes a filter of one that people or models wrote, for sums of these measures.
    ///
    /// Names are found as written, or else in any case. A period without a beginning or an end
    /// reaches to the first or the last order line of the data. Where all revenue is in one
    /// currency, that one is filled in.
    ///
    /// # Errors
    ///
    /// [`QueryErrorKind::UnknownName`] with names that are close, [`QueryErrorKind::ReversedPeriod`]
    /// when `from` is after `to`, [`QueryErrorKind::SeveralCurrencies`] when revenue is to be
    /// summed and the data has several currencies of which the filter names none; what the engine
    /// fails with. A period without order lines is no error, see [`Scope::note`].
    pub async fn scope(
        &self,
        mut filter: Filter,
        measures: &[Measure],
    ) -> Result<Scope, QueryError> {
        if let (Some(from), Some(to)) = (filter.from, filter.to)
            && from > to
        {
            return Err(QueryError::new(
                QueryErrorKind::ReversedPeriod,
                format!("The period ends before it begins: from {from} is after to {to}."),
            ));
        }
        let data = self.describe().await?;
        for dimension in Dimension::ALL {
            if let Some(asked) = filter.name(dimension) {
                let names = self.names(dimension).await?;
                let name = names.find(dimension, asked)?.to_string();
                filter.set_name(dimension, Some(name));
            }
        }
        if filter.currency.is_none() && measures.contains(&Measure::Revenue) {
            filter.currency = self.only_currency().await?;
        }
        let from =
            filter.from.unwrap_or_else(|| filter.to.map_or(data.first, |to| to.min(data.first)));
        let to = filter.to.unwrap_or(from.max(data.last));
        (filter.from, filter.to) = (Some(from), Some(to));
        Ok(Scope { filter, from, to, data })
    }

    /// The currency of all revenue; none where the data does not say which it is.
    async fn only_currency(&self) -> Result<Option<String>, QueryError> {
        let currencies = self.names(Dimension::Currency).await?;
        if currencies.len() < 2 {
            return Ok(currencies.iter().next().map(|(name, _)| name.to_string()));
        }
        let mut known: Vec<_> = currencies.iter().collect();
        known.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let known: Vec<String> =
            known.iter().map(|(name, lines)| format!("{name} ({lines} order lines)")).collect();
        Err(QueryError::new(
            QueryErrorKind::SeveralCurrencies,
            format!(
                "The data has revenue in {} currencies, which are never summed together: {}. Say \
                 which with `currency`.",
                known.len(),
                known.join(", ")
            ),
        ))
    }

    /// Answers a question whose filter is one of a [`Scope`].
    ///
    /// # Errors
    ///
    /// What the engine fails with.
    pub async fn answer(&self, query: &Query) -> Result<Answer, QueryError> {
        self.engine.answer(query).await
    }

    /// Answers which products are sold together. The filter is one of a [`Scope`], and the product a
    /// name of the data.
    ///
    /// # Errors
    ///
    /// What the engine fails with; [`QueryErrorKind::NoSuchData`] without orders.
    pub async fn affinity(&self, query: &AffinityQuery) -> Result<Affinity, QueryError> {
        self.engine.affinity(query).await
    }

    /// A measure over time, of all that a filter lets through or for each name of a dimension, as
    /// far as periods have order lines ([`Series::filled`] closes gaps). The filter is as people
    /// write it. Nothing is left out: limit the names by a filter where there may be many.
    ///
    /// # Errors
    ///
    /// As [`Self::scope`].
    pub async fn series(
        &self,
        filter: Filter,
        measure: Measure,
        grain: Grain,
        by: Option<Dimension>,
    ) -> Result<Vec<Series>, QueryError> {
        let scope = self.scope(filter, &[measure]).await?;
        let query = Query::new(scope.filter).grain(grain);
        let query = by.into_iter().fold(query, Query::by);
        Ok(Series::of(&self.answer(&query).await?, measure))
    }
}

impl Scope {
    /// The currency of revenue, where it is known.
    pub fn currency(&self) -> Option<&str> {
        self.filter.currency.as_deref()
    }

    /// A sentence that says that no order line counts, and what period the data covers.
    pub fn note(&self) -> String {
        let Self { from, to, data, .. } = self;
        let mut place = String::new();
        for (dimension, preposition) in
            [(Dimension::Product, "of"), (Dimension::Category, "of"), (Dimension::Operation, "in")]
        {
            if let Some(name) = self.filter.name(dimension) {
                place += &format!(" {preposition} {name}");
            }
        }
        format!(
            "There are no order lines{place} from {from} to {to}. The data covers {} to {}.",
            data.first, data.last
        )
    }
}

impl fmt::Debug for Sales {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sales").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl<E: SalesEngine + 'static> From<E> for Sales {
    fn from(engine: E) -> Self {
        Self::new(engine)
    }
}
