//! Files as other people write them: compressed, in folders, Parquet, with columns, dates, numbers and
//! currencies of their own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, io::Write as _, path::PathBuf, sync::Arc};

use mcp_tools_sales::{
    Dimension, Filter, LoadErrorKind, Query, QueryErrorKind, Sales, SalesFormat, SalesStore, Totals,
};
use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type},
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};

const HEADER: &str = "date,product,category,operation,units,revenue\n";
const SAMPLE: &str = include_str!("../../examples/sales-server/data/sales.csv");

fn totals(store: &SalesStore) -> (u64, i64, i64) {
    let Totals { order_lines, units, revenue } = store.answer(&Query::default()).rows[0].totals;
    (order_lines, units, revenue.ten_thousandths())
}

/// The sample's own, known from elsewhere.
const WHOLE: (u64, i64, i64) = (9994, 37_873, 22_972_008_603);

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A folder that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sales-files-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn compressed_files_are_what_they_were() {
    assert_eq!(totals(&SalesStore::from_reader("a", &*gzip(SAMPLE)).unwrap()), WHOLE);
    let zstandard = zstd::encode_all(SAMPLE.as_bytes(), 1).unwrap();
    assert_eq!(totals(&SalesStore::from_reader("a", &*zstandard).unwrap()), WHOLE);
    // Several members, as `cat a.gz b.gz` makes them.
    let (first, rest) = SAMPLE.split_at(SAMPLE.find("2016").unwrap());
    let members = [gzip(first), gzip(rest)].concat();
    assert_eq!(totals(&SalesStore::from_reader("a", &*members).unwrap()), WHOLE);
}

#[test]
fn a_compressed_file_that_is_cut_off_is_an_error() {
    let whole = gzip(SAMPLE);
    let error = SalesStore::from_reader("a.gz", &whole[..whole.len() / 2]).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Io);
    let whole = zstd::encode_all(SAMPLE.as_bytes(), 1).unwrap();
    let error = SalesStore::from_reader("a.zst", &whole[..whole.len() / 2]).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Io);
}

#[test]
fn a_folder_is_all_sales_files_in_it() {
    let folder = Folder::new("folder");
    let (header, lines) = SAMPLE.split_once('\n').unwrap();
    let (first, rest) = lines.split_at(lines.find("\n2016").unwrap() + 1);
    folder.file("2014/a.csv", format!("{header}\n{first}"));
    folder.file("2016/b.CSV.gz", gzip(&format!("{header}\n{rest}")));
    folder.file("_SUCCESS", "");
    folder.file("2016/.hidden.csv", "nonsense");
    folder.file("notes.txt", "nonsense");
    folder.file("sales.toml", "currency = \"USD\"");
    let store = SalesStore::open(&folder.0).unwrap();
    assert_eq!((totals(&store), store.description().files), (WHOLE, 2));
    assert_eq!(store.names(Dimension::Currency).iter().next().unwrap().0.as_ref(), "USD");

    let empty = Folder::new("empty");
    let error = SalesStore::open(&empty.0).unwrap_err().to_string();
    assert!(
        error.ends_with("expected files that end in .csv, .csv.gz, .csv.zst, .parquet, found none"),
        "{error}"
    );
}

/// A ledger of an online shop, as a spreadsheet exports it.
const LEDGER: &str = "\
Invoice;StockCode;Description;Quantity;InvoiceDate;Price;Customer ID;Country;Currency\r
489434;85048;\"15CM CHRISTMAS GLASS BALL; 20 LIGHTS\";12;01/12/2009 07:45;6,95;13085;United Kingdom;GBP\r
489434;79323P;PINK CHERRY LIGHTS;12;2009-12-01;6,75;13085;United Kingdom;GBP\r
C489449;22087;PAPER BUNTING;-12;1.12.2009;2,95;16321;France;EUR\r
489450;22087;;3;01/12/2009 10:00;2,95;16321;France;\r
489451;22087;PAPER BUNTING;three;01/12/2009 10:00;2,95;16321;France;EUR\r
489452;22087;PAPER BUNTING;1;31/31/2009;2,95;16321;France;EUR\r
";

const LEDGER_FORMAT: &str = r#"
currency = "GBP"
date_formats = ["%d/%m/%Y %H:%M", "%Y-%m-%d", "%-d.%m.%Y"]
delimiter = ";"
decimal = ","
on_bad_rows = "report"

[columns]
date = "InvoiceDate"
product = "Description"
operation = "Country"
units = "Quantity"
unit_price = "Price"
order = "Invoice"
currency = "Currency"

[values]
category = "Gifts"
product = "no description"
"#;

#[test]
fn a_ledger_of_somebody_else_is_read_as_its_format_says() {
    let format = SalesFormat::from_toml(LEDGER_FORMAT).unwrap();
    let store = SalesStore::from_reader_as("ledger.csv", LEDGER.as_bytes(), &format).unwrap();
    let data = store.description();
    assert_eq!((data.order_lines, data.set_aside, data.has_orders), (4, 2, true));
    assert_eq!(
        data.faults,
        [
            "ledger.csv, line 6, column 4 (Quantity): expected a whole number from -2147483648 to \
             2147483647, found \"three\"",
            "ledger.csv, line 7, column 5 (InvoiceDate): expected a date as one of the date_formats \
             %d/%m/%Y %H:%M | %Y-%m-%d | %-d.%m.%Y, found \"31/31/2009\"",
        ]
    );
    assert_eq!((data.first, data.last), (data.first, data.first));
    assert_eq!(data.first.to_string(), "2009-12-01");
    let by = store.answer(&Query::default().by(Dimension::Currency).by(Dimension::Category));
    let rows: Vec<_> = by
        .rows
        .iter()
        .map(|row| {
            (&*row.names[0], &*row.names[1], row.totals.units, row.totals.revenue.to_string())
        })
        .collect();
    // 12 × 6.95 + 12 × 6.75 + 3 × 2.95, the last without a currency of its own; -12 × 2.95.
    assert_eq!(
        rows,
        [("EUR", "Gifts", -12, "-35.40".to_owned()), ("GBP", "Gifts", 27, "173.25".to_owned())]
    );
    assert!(store.names(Dimension::Product).iter().any(|(name, _)| &**name == "no description"));
}

#[test]
fn strictly_the_first_bad_row_stops_the_load() {
    let strict = LEDGER_FORMAT.replace("report", "stop");
    let format = SalesFormat::from_toml(&strict).unwrap();
    let error = SalesStore::from_reader_as("l", LEDGER.as_bytes(), &format).unwrap_err();
    assert!(error.to_string().starts_with("l, line 6, column 4 (Quantity)"), "{error}");
}

#[test]
fn only_bad_rows_are_no_sales() {
    let format = SalesFormat::from_toml("on_bad_rows = \"report\"").unwrap();
    let csv = format!("{HEADER}2017-01-01,Lamp,Home,Dallas,x,1\n");
    let error = SalesStore::from_reader_as("s.csv", csv.as_bytes(), &format).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("found only 1 that could not be read, the first at s.csv, line 2"),
        "{error}"
    );
}

#[test]
fn lines_that_are_marked_as_returns_count_against_sales() {
    let format =
        SalesFormat::from_toml("[returns]\ncolumn = \"kind\"\nvalues = [\"Return\"]").unwrap();
    let csv = "date,product,category,operation,units,revenue,kind\n\
               2017-01-01,Lamp,Home,Dallas,3,30,Sale\n2017-01-02,Lamp,Home,Dallas,1,10,Return\n";
    let store = SalesStore::from_reader_as("s.csv", csv.as_bytes(), &format).unwrap();
    assert_eq!(totals(&store), (2, 2, 200_000));
}

#[test]
fn a_format_that_is_none_says_why() {
    for (toml, message) in [
        ("colums = {}", "unknown field `colums`"),
        ("delimiter = \"\\\"\"", "a delimiter is one ASCII character"),
        ("date_formats = [\"%Q\"]", "the date format \"%Q\" is not made of specifiers"),
        ("[columns]\nrevenue = \"a\"\nunit_price = \"b\"", "not both"),
        ("on_bad_rows = \"ignore\"", "unknown variant `ignore`"),
    ] {
        let error = SalesFormat::from_toml(toml).unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Format);
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn a_field_of_a_million_characters_is_a_name() {
    let name = "é".repeat(1_000_000);
    let csv =
        format!("{HEADER}2017-01-01,\"{name}\",Home,Dallas,1,1\n2017-01-02,Desk,Home,Dallas,1,1\n");
    let store = SalesStore::from_reader("s.csv", csv.as_bytes()).unwrap();
    let filter = Filter { product: Some(name), ..Filter::default() };
    assert_eq!(store.answer(&Query::new(filter)).rows[0].totals.order_lines, 1);
}

#[test]
fn mistakes_are_found_on_their_line_far_into_a_file() {
    let line = "2017-01-01,\"Lamp\nwith \"\"shade\"\"\",Home,Dallas,1,1\r\n";
    let good = 100_000;
    let csv = format!(
        "{HEADER}{}2017-01-01,Lamp,Home,Dallas,1,x\n{}",
        line.repeat(good),
        line.repeat(good)
    );
    let error = SalesStore::from_reader("s.csv", csv.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "s.csv, line {}, column 6 (revenue): expected a decimal number such as 19.99, found \"x\"",
            2 + 2 * good
        )
    );
    // The first of two, whichever thread is faster.
    let csv = csv.replacen("Dallas,1,1\r\n", "Dallas,1,1,\r\n", 1);
    let error = SalesStore::from_reader("s.csv", csv.as_bytes()).unwrap_err();
    assert!(error.to_string().starts_with("s.csv, line 3, column 7"), "{error}");
    let csv = format!(
        "{HEADER}{}2017-01-01,\"Lamp,Home,Dallas,1,1\n{}",
        line.repeat(good),
        line.repeat(good)
    );
    let error = SalesStore::from_reader("s.csv", csv.as_bytes()).unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("s.csv, line {}, column 2", 2 + 2 * good)),
        "{error}"
    );
}

const SCHEMA: &str = "message sales {
    required int32 date (DATE); required binary product (UTF8); optional binary category (UTF8);
    required binary operation (UTF8); required int64 units; required double revenue;
}";

/// Parquet of six lines in two row groups.
fn parquet(revenue: &[f64; 6], categories: &[i16; 6]) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for half in [0..3, 3..6] {
        let mut group = file.next_row_group().unwrap();
        let days: Vec<i32> = half.clone().map(|row| 17_000 + row as i32).collect();
        let text = |text: &str| ByteArray::from(text);
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int32Type>().write_batch(&days, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let products = [text("Lamp"), text("Desk"), text("Lamp")];
        column.typed::<ByteArrayType>().write_batch(&products, None, None).unwrap();
        column.close().unwrap();
        let levels = &categories[half.clone()];
        let present = levels.iter().filter(|level| **level > 0).count();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&vec![text("Home"); present], Some(levels), None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&[text("Dallas"), text("Austin"), text("Dallas")], None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[1, 2, -1], None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&revenue[half], None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    file.into_inner().unwrap()
}

const REVENUE: [f64; 6] = [0.1 + 0.2, 10.0, -0.3, 19.99, 0.0001, -19.99];

#[test]
fn parquet_is_read_row_group_by_row_group() {
    let store = SalesStore::from_reader("a.parquet", &*parquet(&REVENUE, &[1; 6])).unwrap();
    assert_eq!(totals(&store), (6, 4, 100_001));
    let data = store.description();
    assert_eq!(
        (data.first.to_string(), data.last.to_string()),
        ("2016-07-18".into(), "2016-07-23".into())
    );
    let folder = Folder::new("parquet");
    let path = folder.file("any-name", parquet(&REVENUE, &[1; 6]));
    assert_eq!(totals(&SalesStore::open(path).unwrap()), (6, 4, 100_001));
}

#[test]
fn a_mistake_in_parquet_is_named_with_its_row() {
    let mut revenue = REVENUE;
    revenue[4] = 0.12345;
    let file = parquet(&revenue, &[1; 6]);
    let error = SalesStore::from_reader("a.parquet", &*file).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.parquet, row 5, column 6 (revenue): expected at most four decimals, found 0.12345"
    );
    let format = SalesFormat::from_toml("on_bad_rows = \"report\"").unwrap();
    let store = SalesStore::from_reader_as("a.parquet", &*file, &format).unwrap();
    assert_eq!((totals(&store), store.description().set_aside), ((5, 2, 100_000), 1));

    let file = parquet(&REVENUE, &[1, 0, 1, 1, 1, 1]);
    let error = SalesStore::from_reader("a.parquet", &*file).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.parquet, row 2, column 3 (category): expected a name, found nothing"
    );
    let format = SalesFormat::from_toml("[values]\ncategory = \"None\"").unwrap();
    let store = SalesStore::from_reader_as("a.parquet", &*file, &format).unwrap();
    assert_eq!(store.names(Dimension::Category).len(), 2);
}

#[test]
fn parquet_that_is_cut_off_or_lacks_a_column_is_an_error() {
    let file = parquet(&REVENUE, &[1; 6]);
    for length in [4, 8, file.len() / 2, file.len() - 1] {
        let error = SalesStore::from_reader("a.parquet", &file[..length]).unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Io, "{length}");
    }
    let format = SalesFormat::from_toml("[columns]\nproduct = \"item\"").unwrap();
    let error = SalesStore::from_reader_as("a.parquet", &*file, &format).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.parquet: expected the columns date, item, category, operation, units, revenue, found no item in \
         \"date,product,category,operation,units,revenue\""
    );
}

#[tokio::test]
async fn an_unknown_product_has_close_ones_suggested() {
    let sales = Sales::from(SalesStore::from_reader("s", SAMPLE.as_bytes()).unwrap());
    let filter = Filter { product: Some("easystaple paper".into()), ..Filter::default() };
    let scope = sales.scope(filter, &[]).await;
    let error = scope.unwrap_err();
    assert_eq!(error.kind(), QueryErrorKind::UnknownName);
    assert!(error.to_string().contains("The closest names: "), "{error}");
    assert!(error.to_string().contains("Easy-staple paper"), "{error}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(1_500))]

    #[test]
    fn damaged_parquet_is_an_error_or_sales(at in proptest::prelude::any::<proptest::sample::Index>(), byte in proptest::prelude::any::<u8>()) {
        let mut file = parquet(&REVENUE, &[1, 0, 1, 1, 1, 0]);
        let at = at.index(file.len());
        file[at] = byte;
        let _ = SalesStore::from_reader("a.parquet", &*file);
    }
}
