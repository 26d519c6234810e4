//! Answers beside those of DuckDB to questions in SQL of this test's own, over the sample and over
//! made-up data; from CSV, and from Parquet as DuckDB writes it.
//!
//! Skipped unless `MCP_TEST_SQL_PYTHON` names a Python that has `duckdb`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use mcp_tools_sales::{
    Answer, Dimension, Filter, Grain, Measure, Order, Query, SalesEngine as _, SalesFiles,
    SalesFormat, SalesStore,
};
use serde_json::{Value, json};

const PYTHON: &str = "MCP_TEST_SQL_PYTHON";

/// Answers questions about `sales.csv` of a folder, and writes it as Parquet in several ways.
const PROGRAM: &str = r#"
import duckdb, json, sys
folder, asked = sys.argv[1], json.load(sys.stdin)
db = duckdb.connect()
db.execute(f"""CREATE TABLE sales AS SELECT * FROM read_csv('{folder}/sales.csv', header = true, columns = {{
    'date': 'DATE', 'product': 'VARCHAR', 'category': 'VARCHAR', 'operation': 'VARCHAR', 'units': 'INTEGER',
    'revenue': 'DECIMAL(18,4)'}})""")
double = "SELECT * REPLACE (revenue::DOUBLE AS revenue, units::BIGINT AS units) FROM sales"
texts = "SELECT * REPLACE (date::VARCHAR AS date, units::VARCHAR AS units, revenue::VARCHAR AS revenue) FROM sales"
gaps = "SELECT * REPLACE (CASE WHEN category = 'Technology' THEN NULL ELSE category END AS category) FROM sales"
for name, select, options in [
    ("double", double, ""),
    ("decimal", "SELECT * FROM sales", "ROW_GROUP_SIZE 2048, COMPRESSION zstd"),
    ("v2", double, "PARQUET_VERSION v2, ROW_GROUP_SIZE 4096, COMPRESSION gzip"),
    ("plain", "SELECT * FROM sales", "DICTIONARY_SIZE_LIMIT 1, COMPRESSION uncompressed"),
    ("times", "SELECT * REPLACE (date::TIMESTAMP AS date, revenue::DOUBLE AS revenue) FROM sales", "COMPRESSION snappy"),
    ("texts", texts, "ROW_GROUP_SIZE 10000"),
    ("gaps", gaps, "ROW_GROUP_SIZE 2048"),
]:
    options = f", {options}" if options else ""
    db.execute(f"COPY ({select}) TO '{folder}/{name}.parquet' (FORMAT parquet{options})")
for question in asked:
    keys = ([f"date_trunc('{question['grain']}', date)::DATE"] if question["grain"] else []) + question["by"]
    names = [f"k{i}" for i in range(len(keys))]
    conditions = ["true"]
    values = []
    for column, sign, value in question["where"]:
        conditions.append(f"{column} {sign} ?")
        values.append(value)
    columns = "".join(f"{key} AS {name}, " for key, name in zip(keys, names))
    group = "GROUP BY " + ", ".join(names) if names else ""
    order = ", ".join(question["order"] + names) or "1"
    sql = f"""SELECT {columns} count(*) AS order_lines, sum(units)::BIGINT AS units,
        (sum(revenue) * 10000)::BIGINT AS revenue FROM sales WHERE {' AND '.join(conditions)} {group}
        HAVING count(*) > 0 ORDER BY {order}"""
    rows = db.execute(sql, values).fetchall()
    limit = question["limit"]
    shown = rows if limit is None else rows[:limit]
    print(json.dumps({"groups": len(rows), "rows": [[str(k) for k in row[:-3]] + list(row[-3:]) for row in shown]}))
"#;

/// A folder that goes with the value.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// DuckDB's answers, and a folder with `sales.csv` and its Parquet; none, and a word about it, where
/// there is no DuckDB.
fn duckdb(name: &str, csv: &[u8], questions: &[Question]) -> Option<(Folder, Vec<Value>)> {
    let Some(python) = std::env::var_os(PYTHON) else {
        eprintln!("skipped: {PYTHON} names no Python with duckdb");
        return None;
    };
    let path = std::env::temp_dir().join(format!("sales-duckdb-{}-{name}", std::process::id()));
    fs::create_dir_all(&path).unwrap();
    let folder = Folder(path);
    fs::write(folder.0.join("sales.csv"), csv).unwrap();
    let mut child = Command::new(python)
        .args(["-c", PROGRAM])
        .arg(&folder.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let asked: Vec<Value> = questions.iter().map(Question::json).collect();
    child.stdin.take().unwrap().write_all(json!(asked).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> =
        answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), questions.len());
    Some((folder, answers))
}

/// What is asked of both.
#[derive(Clone, Debug)]
struct Question {
    filter: Filter,
    grain: Option<Grain>,
    by: Vec<Dimension>,
    order: Order,
    limit: Option<usize>,
}

impl Question {
    fn new(filter: &Filter, grain: Option<Grain>, by: &[Dimension]) -> Self {
        Self { filter: filter.clone(), grain, by: by.to_vec(), order: Order::Name, limit: None }
    }

    fn first(self, order: Order, limit: usize) -> Self {
        Self { order, limit: Some(limit), ..self }
    }

    fn query(&self) -> Query {
        let query = Query::new(self.filter.clone()).order(self.order);
        let query = self.by.iter().fold(query, |query, dimension| query.by(*dimension));
        let query = self.grain.into_iter().fold(query, Query::grain);
        self.limit.into_iter().fold(query, Query::limit)
    }

    /// The same for the program.
    fn json(&self) -> Value {
        let filter = &self.filter;
        let mut conditions = Vec::new();
        for (column, name) in [
            ("product", &filter.product),
            ("category", &filter.category),
            ("operation", &filter.operation),
        ] {
            conditions.extend(name.as_ref().map(|name| json!([column, "=", name])));
        }
        conditions.extend(filter.from.map(|day| json!(["date", ">=", day.to_string()])));
        conditions.extend(filter.to.map(|day| json!(["date", "<=", day.to_string()])));
        let order = match self.order {
            Order::Name => None,
            Order::Largest(measure) => Some(format!("{} DESC", measure.as_str())),
            Order::Smallest(measure) => Some(measure.as_str().to_owned()),
        };
        json!({
            "where": conditions,
            "grain": self.grain.map(Grain::as_str),
            "by": self.by.iter().map(|dimension| dimension.as_str()).collect::<Vec<_>>(),
            "order": order.into_iter().collect::<Vec<_>>(),
            "limit": self.limit,
        })
    }
}

fn questions(product: &str, operation: &str) -> Vec<Question> {
    let filters = [
        Filter::default(),
        Filter { operation: Some(operation.into()), ..Filter::default() },
        Filter { product: Some(product.into()), ..Filter::default() },
        Filter {
            category: Some("Technology".into()),
            from: Some("2015-02-03".parse().unwrap()),
            to: Some("2016-11-30".parse().unwrap()),
            ..Filter::default()
        },
        Filter { product: Some("No such '; product --".into()), ..Filter::default() },
        Filter { from: Some("2030-01-01".parse().unwrap()), ..Filter::default() },
    ];
    let mut questions = Vec::new();
    for filter in &filters {
        questions.push(Question::new(filter, None, &[]));
        questions.extend(Grain::ALL.map(|grain| Question::new(filter, Some(grain), &[])));
        for dimension in [Dimension::Product, Dimension::Category, Dimension::Operation] {
            let all = Question::new(filter, None, &[dimension]);
            for measure in Measure::ALL {
                questions.push(all.clone().first(Order::Largest(measure), 9));
                questions.push(all.clone().first(Order::Smallest(measure), 4));
            }
            questions.push(all);
        }
        let by = [Dimension::Operation, Dimension::Category];
        let several = Question::new(filter, Some(Grain::Month), &by);
        questions.push(several.clone());
        questions.push(several.first(Order::Largest(Measure::Revenue), 30));
    }
    questions
}

/// An answer as the program writes it.
fn out_of_words(answer: &Answer) -> Value {
    let rows = answer.rows.iter().map(|row| {
        let period = row.period.iter().map(|period| json!(period.to_string()));
        let names = row.names.iter().map(|name| json!(&**name));
        let sums = row.totals;
        let (lines, units) = (json!(sums.order_lines), json!(sums.units));
        let sums = [lines, units, json!(sums.revenue.ten_thousandths())];
        Value::Array(period.chain(names).chain(sums).collect())
    });
    json!({"groups": answer.groups, "rows": rows.collect::<Vec<_>>()})
}

fn check(name: &str, csv: &[u8], product: &str, operation: &str) {
    let questions = questions(product, operation);
    let Some((folder, expected)) = duckdb(name, csv, &questions) else { return };
    let filled = SalesFormat::from_toml("[values]\ncategory = \"Technology\"").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut files = 0;
    for entry in fs::read_dir(&folder.0).unwrap() {
        let path = entry.unwrap().path();
        let store = SalesStore::open_as(&path, &filled).unwrap();
        for (question, expected) in questions.iter().zip(&expected) {
            let found = out_of_words(&store.answer(&question.query()));
            assert_eq!(found["rows"], expected["rows"], "{}: {question:?}", path.display());
            assert_eq!(found["groups"], expected["groups"], "{}: {question:?}", path.display());
        }
        // Columns that are read when a question needs them, which are others first from the other end.
        let by_column = || SalesFiles::open_as(&path, &filled).unwrap();
        let (forth, back) = (by_column(), by_column());
        let asked = questions.iter().zip(&expected).step_by(7);
        for (files, (question, expected)) in asked
            .clone()
            .map(|asked| (&forth, asked))
            .chain(asked.rev().map(|asked| (&back, asked)))
        {
            let found = runtime.block_on(files.answer(&question.query())).unwrap();
            assert_eq!(out_of_words(&found), *expected, "{}: {question:?}", path.display());
        }
        files += 1;
    }
    assert_eq!(files, 8);
}

#[test]
fn the_sample_is_answered_as_duckdb_does() {
    let sample = include_bytes!("../../examples/sales-server/data/sales.csv");
    check("sample", sample, "Staples", "Houston");
}

#[test]
fn made_up_sales_are_answered_as_duckdb_does() {
    let mut csv = Vec::new();
    mcp_tools_sales::generate(60_000, 5, &mut csv).unwrap();
    check("generated", &csv, "Product 7", "Dallas");
}
