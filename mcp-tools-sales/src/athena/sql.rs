//! Queries as SQL that Athena (Trino) reads. What people and models say is never in the text: it
//! goes beside it, as parameters.

use std::fmt::Write as _;

use crate::{AffinityQuery, Dimension, Filter, Grain, Measure, Order, Query};

/// A table, and the expressions that say what sales data says. An operator writes them.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// `"catalog"."database"."table"`, quoted.
    pub(super) name: String,
    pub(super) date: String,
    /// Of each dimension that there is.
    pub(super) names: [Option<String>; Dimension::ALL.len()],
    pub(super) order: Option<String>,
    pub(super) units: String,
    pub(super) revenue: String,
}

/// A statement, and the values of its question marks as SQL literals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) parameters: Vec<String>,
}

/// An identifier, quoted: any text is one.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as the literal that Athena wants a parameter to be.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Table {
    fn dimension(&self, dimension: Dimension) -> &str {
        self.names[dimension as usize].as_deref().unwrap_or("''")
    }

    /// The sums of a group: revenue in ten-thousandths, as everywhere.
    fn sums(&self) -> String {
        format!(
            "COUNT(*) AS order_lines, CAST(COALESCE(SUM({}), 0) AS BIGINT) AS units, \
             CAST(ROUND(COALESCE(SUM(CAST({} AS DECIMAL(38, 4))), 0) * 10000) AS BIGINT) AS revenue",
            self.units, self.revenue
        )
    }

    /// Adds the conditions of a filter.
    fn filter(&self, statement: &mut Statement, filter: &Filter, product: bool) {
        let mut conditions = Vec::new();
        for dimension in Dimension::ALL {
            if let Some(name) = filter.name(dimension)
                && (product || dimension != Dimension::Product)
            {
                conditions.push(format!("{} = ?", self.dimension(dimension)));
                statement.parameters.push(literal(name));
            }
        }
        for (day, sign) in [(filter.from, ">="), (filter.to, "<=")] {
            if let Some(day) = day {
                conditions.push(format!("{} {sign} CAST(? AS DATE)", self.date));
                statement.parameters.push(literal(&day.to_string()));
            }
        }
        for (place, condition) in conditions.iter().enumerate() {
            let word = if place == 0 { "WHERE" } else { "AND" };
            let _ = write!(statement.text, " {word} {condition}");
        }
    }

    /// Rows of a query: the period, the names, the sums, and how many groups there are.
    pub(super) fn query(&self, query: &Query) -> Statement {
        let mut keys = Vec::new();
        if let Some(grain) = query.grain {
            keys.push((period(grain, &self.date), "period".to_owned()));
        }
        for (place, dimension) in query.by.iter().enumerate() {
            keys.push((self.dimension(*dimension).to_owned(), format!("name{place}")));
        }
        let mut statement =
            Statement { text: "WITH grouped AS (SELECT ".to_owned(), ..Statement::default() };
        for (expression, alias) in &keys {
            let _ = write!(statement.text, "{expression} AS {alias}, ");
        }
        let _ = write!(statement.text, "{} FROM {}", self.sums(), self.name);
        self.filter(&mut statement, &query.filter, true);
        let expressions: Vec<&str> =
            keys.iter().map(|(expression, _)| expression.as_str()).collect();
        if !expressions.is_empty() {
            let _ = write!(statement.text, " GROUP BY {}", expressions.join(", "));
        }
        statement.text += ") SELECT ";
        for (_, alias) in &keys {
            let _ = write!(statement.text, "{alias}, ");
        }
        // Without keys there is a group of nothing where no line counts.
        statement.text += "order_lines, units, revenue, COUNT(*) OVER () AS groups FROM grouped \
                           WHERE order_lines > 0 ORDER BY ";
        let mut order: Vec<String> = match query.order {
            Order::Name => Vec::new(),
            Order::Largest(measure) => vec![format!("{} DESC", column(measure))],
            Order::Smallest(measure) => vec![column(measure).to_owned()],
        };
        order.extend(keys.into_iter().map(|(_, alias)| alias));
        if order.is_empty() {
            order.push("order_lines".to_owned());
        }
        statement.text += &order.join(", ");
        if let Some(limit) = query.limit {
            // A limit of nothing is asked for the number of groups.
            let _ = write!(statement.text, " LIMIT {}", limit.max(1));
        }
        statement
    }

    /// What there is: lines, first and last day.
    pub(super) fn describe(&self) -> Statement {
        let text = format!(
            "SELECT COUNT(*) AS order_lines, MIN({0}) AS first_day, MAX({0}) AS last_day FROM {1}",
            self.date, self.name
        );
        Statement { text, ..Statement::default() }
    }

    /// Rows of pairs: their names, orders together, orders of the one and of the other, how many
    /// pairs, how many orders. None where it is not known which order a line belongs to.
    pub(super) fn affinity(&self, query: &AffinityQuery) -> Option<Statement> {
        let order = self.order.as_ref()?;
        let mut statement = Statement {
            text: format!(
                "WITH baskets AS (SELECT DISTINCT {order} AS basket, {} AS product FROM {}",
                self.dimension(Dimension::Product),
                self.name
            ),
            ..Statement::default()
        };
        self.filter(&mut statement, &query.filter, false);
        let word = if statement.parameters.is_empty() { "WHERE" } else { "AND" };
        let _ = write!(
            statement.text,
            " {word} {} > 0), products AS (SELECT product, COUNT(*) AS orders FROM baskets GROUP BY \
             product), pairs AS (SELECT a.product AS one, b.product AS other, COUNT(*) AS together FROM \
             baskets a JOIN baskets b ON a.basket = b.basket AND ",
            self.units
        );
        statement.text += match &query.filter.product {
            None => "a.product < b.product",
            Some(product) => {
                statement.parameters.push(literal(product));
                "a.product <> b.product WHERE a.product = ?"
            }
        };
        let _ = write!(
            statement.text,
            " GROUP BY a.product, b.product), total AS (SELECT COUNT(DISTINCT basket) AS orders FROM \
             baskets) SELECT pairs.one, pairs.other, pairs.together, a.orders AS orders, b.orders AS \
             other_orders, COUNT(*) OVER () AS pairs, total.orders AS total FROM total LEFT JOIN pairs ON \
             TRUE LEFT JOIN products a ON a.product = pairs.one LEFT JOIN products b ON b.product = \
             pairs.other ORDER BY together DESC NULLS LAST, one, other LIMIT {}",
            query.limit.max(1)
        );
        Some(statement)
    }
}

fn column(measure: Measure) -> &'static str {
    measure.as_str()
}

fn period(grain: Grain, date: &str) -> String {
    match grain {
        Grain::Day => format!("CAST({date} AS DATE)"),
        // Weeks of Trino begin on Mondays, as ours.
        grain => format!("CAST(DATE_TRUNC('{grain}', {date}) AS DATE)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            name: "\"db\".\"sales\"".into(),
            date: "\"date\"".into(),
            names: [Some("\"product\"".into()), None, Some("\"operation\"".into()), None],
            order: Some("\"order\"".into()),
            units: "\"units\"".into(),
            revenue: "\"revenue\"".into(),
        }
    }

    #[test]
    fn what_is_asked_for_is_never_in_the_text() {
        let evil = "'; DROP TABLE sales; --";
        let filter = Filter {
            product: Some(evil.into()),
            operation: Some("O'Fallon".into()),
            from: Some("2017-01-01".parse().expect("a date")),
            ..Filter::default()
        };
        let query = Query::new(filter.clone()).by(Dimension::Product).grain(Grain::Week).limit(5);
        let statement = table().query(&query);
        assert!(!statement.text.contains("DROP") && !statement.text.contains("Fallon"));
        assert_eq!(
            statement.parameters,
            ["'''; DROP TABLE sales; --'", "'O''Fallon'", "'2017-01-01'"]
        );
        assert_eq!(statement.text.matches('?').count(), 3);
        let statement =
            table().affinity(&AffinityQuery { filter, limit: 3 }).expect("orders are known");
        assert!(!statement.text.contains("DROP"));
        assert_eq!(statement.text.matches('?').count(), statement.parameters.len());
        // In the order of the question marks: the product comes last.
        assert_eq!(statement.parameters[2], "'''; DROP TABLE sales; --'");
    }

    #[test]
    fn identifiers_are_quoted() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
    }
}
