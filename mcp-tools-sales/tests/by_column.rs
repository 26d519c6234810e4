//! Parquet whose columns are read when a question needs them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf, sync::Arc};

use mcp_tools_sales::{
    AffinityQuery, Dimension, Filter, Grain, LoadErrorKind, Query, QueryErrorKind,
    SalesEngine as _, SalesFiles, SalesFormat, SalesStore,
};
use parquet::{
    data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type},
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};

/// An order line: day, product, operation, currency, order, units, revenue.
type Line = (i32, &'static str, &'static str, &'static str, &'static str, i64, f64);

/// Two days and a row group of each; not in the order of their dates.
const LINES: [Line; 6] = [
    (17_003, "Lamp", "Dallas", "USD", "c", 2, 39.98),
    (17_001, "Desk", "Austin", "USD", "a", 1, 250.0),
    (17_002, "Lamp", "Austin", "EUR", "b", 3, 60.03),
    (17_001, "Chair", "Dallas", "USD", "a", 4, 120.5),
    (17_003, "Lamp", "Austin", "EUR", "c", -1, -19.99),
    (17_000, "Desk", "Dallas", "USD", "d", 1, 249.0),
];

/// Parquet of two row groups, with a column of currencies and one of orders if wanted.
fn parquet(lines: &[Line], more: bool) -> Vec<u8> {
    let more_columns =
        if more { "required binary currency (UTF8); required binary order (UTF8);" } else { "" };
    let schema = format!(
        "message sales {{ required int32 date (DATE); required binary product (UTF8); required binary category (UTF8);
         required binary operation (UTF8); {more_columns} required int64 units; required double revenue; }}"
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    for lines in lines.chunks(lines.len().div_ceil(2)) {
        let mut group = file.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let days: Vec<i32> = lines.iter().map(|line| line.0).collect();
        column.typed::<Int32Type>().write_batch(&days, None, None).unwrap();
        column.close().unwrap();
        let texts: [fn(&Line) -> &'static str; 5] =
            [|line| line.1, |_| "Furniture", |line| line.2, |line| line.3, |line| line.4];
        for text in texts.into_iter().take(if more { 5 } else { 3 }) {
            let mut column = group.next_column().unwrap().unwrap();
            let texts: Vec<ByteArray> = lines.iter().map(|line| text(line).into()).collect();
            column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
            column.close().unwrap();
        }
        let mut column = group.next_column().unwrap().unwrap();
        let units: Vec<i64> = lines.iter().map(|line| line.5).collect();
        column.typed::<Int64Type>().write_batch(&units, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let revenue: Vec<f64> = lines.iter().map(|line| line.6).collect();
        column.typed::<DoubleType>().write_batch(&revenue, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    file.into_inner().unwrap()
}

/// A folder that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, Vec<u8>)]) -> Self {
        let path =
            std::env::temp_dir().join(format!("sales-columns-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        for (name, content) in files {
            fs::write(path.join(name), content).unwrap();
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn queries() -> Vec<Query> {
    let dallas = Filter { operation: Some("Dallas".into()), ..Filter::default() };
    let lamps =
        Filter { product: Some("Lamp".into()), currency: Some("EUR".into()), ..Filter::default() };
    let late = Filter { from: Some("2016-07-20".parse().unwrap()), ..Filter::default() };
    let mut queries = Vec::new();
    for filter in [Filter::default(), dallas, lamps, late] {
        let query = Query::new(filter);
        queries.push(query.clone());
        queries.extend(Dimension::ALL.map(|dimension| query.clone().by(dimension)));
        queries.push(query.clone().grain(Grain::Day));
        queries.push(query.by(Dimension::Currency).by(Dimension::Product).grain(Grain::Day));
    }
    queries
}

#[tokio::test]
async fn names_are_in_the_order_of_the_files_whichever_thread_meets_them_first() {
    // The second file has a name before that is known from the first, and one that is new.
    let more = [(17_004, "Stool", "Dallas", "USD", "e", 1, 9.0), LINES[1], LINES[0], LINES[3]];
    let last = [(17_005, "Bench", "Dallas", "USD", "f", 1, 9.0), LINES[4]];
    let files = [
        ("a.parquet", parquet(&LINES, true)),
        ("b.parquet", parquet(&more, true)),
        ("c.parquet", parquet(&last, true)),
    ];
    let folder = Folder::new("order", &files);
    for _ in 0..100 {
        let files = SalesFiles::open(&folder.0).unwrap();
        let names = files.names(Dimension::Product).await.unwrap();
        let names: Vec<(&str, u64)> = names.iter().map(|(name, lines)| (&**name, lines)).collect();
        let expected = [("Lamp", 5), ("Desk", 3), ("Chair", 2), ("Stool", 1), ("Bench", 1)];
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn answers_are_those_of_a_store_whatever_is_asked_first() {
    let files = [("a.parquet", parquet(&LINES, true)), ("b.parquet", parquet(&LINES[1..4], false))];
    for (name, files) in [("one", &files[..1]), ("two", &files)] {
        let folder = Folder::new(name, files);
        let store = SalesStore::open(&folder.0).unwrap();
        for first in queries() {
            let files = SalesFiles::open(&folder.0).unwrap();
            assert_eq!(&*files.describe().await.unwrap(), store.description());
            assert_eq!(files.answer(&first).await.unwrap(), store.answer(&first), "{first:?}");
            for dimension in Dimension::ALL {
                let (ours, theirs) =
                    (files.names(dimension).await.unwrap(), store.names(dimension));
                assert!(ours.iter().eq(theirs.iter()), "{dimension}");
            }
            for query in queries() {
                assert_eq!(files.answer(&query).await.unwrap(), store.answer(&query), "{query:?}");
            }
            let together = AffinityQuery::default();
            let (ours, theirs) = (files.affinity(&together).await, store.affinity(&together).await);
            assert_eq!(ours.ok(), theirs.ok());
        }
    }
}

#[tokio::test]
async fn a_column_with_a_mistake_answers_nothing_and_others_do() {
    let mut lines = LINES;
    lines[4].6 = 0.12345;
    lines[2].2 = " ";
    let folder = Folder::new("mistake", &[("a.parquet", parquet(&lines, true))]);
    let files = SalesFiles::open(folder.0.join("a.parquet")).unwrap();
    assert_eq!(files.names(Dimension::Product).await.unwrap().len(), 3);
    for _ in 0..2 {
        let error = files.answer(&Query::default()).await.unwrap_err();
        assert_eq!(error.kind(), QueryErrorKind::Unavailable);
        let message = error.to_string();
        assert!(
            message.contains(
                "row 5, column 8 (revenue): expected at most four decimals, found 0.12345"
            ),
            "{message}"
        );
    }
    let error = files.names(Dimension::Operation).await.unwrap_err().to_string();
    assert!(error.contains("row 3, column 4 (operation): expected a name, found \" \""), "{error}");
    assert_eq!(files.load().unwrap_err().kind(), LoadErrorKind::Data);

    // Checked at the start, or set aside, as the format says.
    let open = |toml: &str| {
        SalesFiles::open_as(folder.0.join("a.parquet"), &SalesFormat::from_toml(toml).unwrap())
    };
    let error = open("check = \"start\"").unwrap_err().to_string();
    assert!(error.contains("row 3, column 4 (operation): expected a name"), "{error}");
    let files = open("on_bad_rows = \"report\"").unwrap();
    assert_eq!(files.describe().await.unwrap().set_aside, 2);
    assert_eq!(files.answer(&Query::default()).await.unwrap().rows[0].totals.order_lines, 4);
}

#[test]
fn dates_and_the_schema_are_checked_at_the_start() {
    let mut lines = LINES;
    lines[3].0 = i32::MAX;
    let folder = Folder::new(
        "start",
        &[
            ("a.parquet", parquet(&lines, true)),
            ("b.parquet", parquet(&LINES, true)),
            ("c", b"PAR1".to_vec()),
        ],
    );
    let open = |name: &str| SalesFiles::open(folder.0.join(name));
    let error = open("a.parquet").unwrap_err().to_string();
    assert!(error.contains("row 4, column 1 (date): expected a date from 0000-01-01"), "{error}");
    assert_eq!(open("c").unwrap_err().kind(), LoadErrorKind::Io);
    let format = SalesFormat::from_toml("[columns]\nunits = \"pieces\"").unwrap();
    let error = SalesFiles::open_as(folder.0.join("b.parquet"), &format).unwrap_err().to_string();
    assert!(error.contains("found no pieces in"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_written_to_before_a_column_is_read_is_an_error() {
    let folder = Folder::new("written", &[("a.parquet", parquet(&LINES, true))]);
    let path = folder.0.join("a.parquet");
    let files = SalesFiles::open(&path).unwrap();
    let dallas = Filter { operation: Some("Dallas".into()), ..Filter::default() };
    let before = files.answer(&Query::new(dallas.clone())).await.unwrap();
    let mut longer = parquet(&LINES, true);
    longer.extend_from_slice(b"more");
    fs::write(&path, longer).unwrap();
    // What has been read is what it was.
    assert_eq!(files.answer(&Query::new(dallas)).await.unwrap(), before);
    let error = files.names(Dimension::Product).await.unwrap_err().to_string();
    assert!(error.contains("found that it has been written to; start the server again"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_replaced_is_still_the_one_that_was_opened() {
    let folder = Folder::new("replaced", &[("a.parquet", parquet(&LINES, true))]);
    let path = folder.0.join("a.parquet");
    let (files, store) = (SalesFiles::open(&path).unwrap(), SalesStore::open(&path).unwrap());
    fs::remove_file(&path).unwrap();
    for query in queries() {
        assert_eq!(files.answer(&query).await.unwrap(), store.answer(&query), "{query:?}");
    }
}
