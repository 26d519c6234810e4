//! What a mistake in a CSV file says, word for word, and that nothing makes loading panic.

use std::io::{self, Read};

use mcp_tools_sales::{Dimension, Filter, LoadErrorKind, Query, SalesStore};
use proptest::prelude::*;

const HEADER: &str = "date,product,category,operation,units,revenue\n";
const COLUMNS: &str = "date, product, category, operation, units, revenue";

/// The message for a file `s.csv` with this content, without the name.
#[track_caller]
fn mistake(csv: impl AsRef<[u8]>) -> String {
    let error = SalesStore::from_reader("s.csv", csv.as_ref()).expect_err("a mistake");
    assert_eq!(error.kind(), LoadErrorKind::Data);
    let error = error.to_string();
    let message = error.strip_prefix("s.csv").expect("the file's name");
    message.trim_start_matches([',', ':']).trim_start().to_owned()
}

/// The message for the line after a header and one good line.
#[track_caller]
fn mistake_on_line_3(line: &str) -> String {
    let message = mistake(format!(
        "{HEADER}2017-01-01,Lamp,Furniture,Dallas,1,1\n{line}\n2017-01-02,Lamp,Furniture,Dallas,1,1\n"
    ));
    message.strip_prefix("line 3, ").expect("the line").to_owned()
}

#[test]
fn a_bad_header_is_named_on_its_line() {
    for (csv, message) in [
        ("", format!("line 1: expected a header with the columns {COLUMNS}, found an empty file")),
        (
            "\u{FEFF}",
            format!("line 1: expected a header with the columns {COLUMNS}, found an empty file"),
        ),
        (
            "\n\r\n",
            format!("line 2: expected a header with the columns {COLUMNS}, found an empty file"),
        ),
        (
            "date,product,category,operation,units\n",
            format!(
                "line 1, column revenue: expected a header with the columns {COLUMNS}, found no revenue in \"date,product,category,operation,units\""
            ),
        ),
        (
            "date;product;category;operation;units;revenue\n",
            format!(
                "line 1, column date: expected a header with the columns {COLUMNS}, found no date in \"date;product;category;operation;units;revenue\""
            ),
        ),
        (
            "\n2017-01-01,Lamp,Furniture,Dallas,1,1\n",
            format!(
                "line 2, column date: expected a header with the columns {COLUMNS}, found no date in \"2017-01-01,Lamp,Furniture,Dallas,1,1\""
            ),
        ),
        (
            "date,product,category,operation,units,revenue, UNITS \n",
            "line 1, column 7 (UNITS): expected each column once, found units again after column 5"
                .to_owned(),
        ),
    ] {
        assert_eq!(mistake(csv), message);
    }
}

#[test]
fn a_file_without_order_lines_is_refused() {
    assert_eq!(mistake(HEADER), "expected at least one order line, found none");
    assert_eq!(mistake(format!("{HEADER}\n\n")), "expected at least one order line, found none");
}

#[test]
fn a_bad_line_is_named_with_column_expectation_and_finding() {
    let number = "a whole number from -2147483648 to 2147483647";
    let decimal = "a decimal number such as 19.99";
    let date = "a date as yyyy-mm-dd, such as 2017-12-31";
    for (line, message) in [
        ("2017-01-01,Lamp,Furniture,Dallas,1", "column 6 (revenue): expected 6 fields as in the header, found 5".to_owned()),
        ("2017-01-01", "column 2 (product): expected 6 fields as in the header, found 1".to_owned()),
        ("2017-01-01,Lamp,Furniture,Dallas,1,1,", "column 7: expected 6 fields as in the header, found 7".to_owned()),
        ("2017-01-01,Lamp,Furniture,Dallas,1,1,5", "column 7: expected 6 fields as in the header, found 7".to_owned()),
        ("2017-02-29,Lamp,Furniture,Dallas,1,1", format!("column 1 (date): expected {date}, found \"2017-02-29\"")),
        ("01/05/2017,Lamp,Furniture,Dallas,1,1", format!("column 1 (date): expected {date}, found \"01/05/2017\"")),
        (",Lamp,Furniture,Dallas,1,1", format!("column 1 (date): expected {date}, found an empty field")),
        ("2017-01-01,,Furniture,Dallas,1,1", "column 2 (product): expected a name, found an empty field".to_owned()),
        ("2017-01-01, ,Furniture,Dallas,1,1", "column 2 (product): expected a name, found an empty field".to_owned()),
        ("2017-01-01,Lamp,\"\",Dallas,1,1", "column 3 (category): expected a name, found an empty field".to_owned()),
        ("2017-01-01,Lamp,Furniture,,1,1", "column 4 (operation): expected a name, found an empty field".to_owned()),
        ("2017-01-01,Lamp,Furniture,Dallas,1.5,1", format!("column 5 (units): expected {number}, found \"1.5\"")),
        ("2017-01-01,Lamp,Furniture,Dallas,+1,1", format!("column 5 (units): expected {number}, found \"+1\"")),
        ("2017-01-01,Lamp,Furniture,Dallas,NaN,1", format!("column 5 (units): expected {number}, found \"NaN\"")),
        ("2017-01-01,Lamp,Furniture,Dallas,2147483648,1", format!("column 5 (units): expected {number}, found \"2147483648\"")),
        ("2017-01-01,Lamp,Furniture,Dallas,,1", format!("column 5 (units): expected {number}, found an empty field")),
        ("2017-01-01,Lamp,Furniture,Dallas,1,NaN", format!("column 6 (revenue): expected {decimal}, found \"NaN\"")),
        ("2017-01-01,Lamp,Furniture,Dallas,1,-inf", format!("column 6 (revenue): expected {decimal}, found \"-inf\"")),
        ("2017-01-01,Lamp,Furniture,Dallas,1,1e3", format!("column 6 (revenue): expected {decimal}, found \"1e3\"")),
        ("2017-01-01,Lamp,Furniture,Dallas,1,$1", format!("column 6 (revenue): expected {decimal}, found \"$1\"")),
        ("2017-01-01,Lamp,Furniture,Dallas,1,\"1,000\"", format!("column 6 (revenue): expected {decimal}, found \"1,000\"")),
        ("2017-01-01,Lamp,Furniture,Dallas,1,0.12345", "column 6 (revenue): expected at most four decimals, found \"0.12345\"".to_owned()),
        (
            "2017-01-01,Lamp,Furniture,Dallas,1,922337203685477.5808",
            "column 6 (revenue): expected an amount of at most 922337203685477.5807, found \"922337203685477.5808\"".to_owned(),
        ),
        (
            "2017-01-01,Lamp,Furniture,Dallas,1,-922337203685477.5807",
            "column 6 (revenue): expected the file's revenue to add up, ignoring signs, to at most 922337203685477.5807, found \"-922337203685477.5807\"".to_owned(),
        ),
        ("2017-01-01,Lamp \"XL\",Furniture,Dallas,1,1", "column 2 (product): expected a field that holds quotes to be quoted, found a quote inside a plain field".to_owned()),
        ("2017-01-01,\"Lamp\" XL,Furniture,Dallas,1,1", "column 2 (product): expected the end of the field after a closing quote, found more text".to_owned()),
        ("2017-01-01,Lamp,Furniture,Dallas,1\r,1", "column 5 (units): expected a line to end in LF or CRLF, found a carriage return on its own".to_owned()),
        (
            "2017-01-01,Lamp,Furniture,Dallas,twenty-five thousand six hundred and eighty four and a half,1",
            format!("column 5 (units): expected {number}, found \"twenty-five thousand six hundred and eighty four and a half\""),
        ),
        (
            "2017-01-01,Lamp,Furniture,Dallas,123456789 123456789 123456789 123456789 123456789 123456789 é,1",
            format!("column 5 (units): expected {number}, found \"123456789 123456789 123456789 123456789 123456789 123456789 \"…"),
        ),
    ] {
        assert_eq!(mistake_on_line_3(line), message, "{line}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_where_they_are() {
    let mut csv = format!("{HEADER}2017-01-01,Caf").into_bytes();
    csv.extend(b"\xE9,Furniture,Dallas,1,1\n"); // ISO 8859-1
    assert_eq!(mistake(csv), "line 2, column 2 (product): expected UTF-8, found \"Caf\u{FFFD}\"");
    assert_eq!(mistake(b"\xFF\xFEd\0a\0t\0e\0"), "line 1, column 1: expected UTF-8, found UTF-16");
    assert_eq!(
        mistake(b"dat\xE9,product\n"),
        "line 1, column 1: expected UTF-8, found \"dat\u{FFFD}\""
    );
}

#[test]
fn a_quote_that_is_never_closed_is_refused_on_the_line_that_opens_it() {
    let csv = format!(
        "{HEADER}2017-01-01,Lamp,Furniture,Dallas,1,1\n2017-01-01,\"Lamp,Furniture,Dallas,1,1\n2017-01-02,Desk,Furniture,Dallas,1,1\n"
    );
    assert_eq!(
        mistake(csv),
        "line 3, column 2 (product): expected a closing quote, found the end of the file"
    );
}

#[test]
fn a_stray_quote_never_merges_two_lines() {
    let csv = format!(
        "{HEADER}2017-01-01,\"Lamp,Furniture,Dallas,1,1\n2017-01-02,\"Desk\",Furniture,Dallas,1,1\n"
    );
    assert_eq!(
        mistake(csv),
        "line 2, column 2 (product): expected the end of the field after a closing quote, found more text"
    );
}

#[test]
fn quoted_newlines_keep_line_numbers_right() {
    let csv = format!(
        "{HEADER}2017-01-01,\"Lamp\r\nwith\n\nshade\",Furniture,Dallas,1,1\r\n\r\n2017-01-01,Lamp,Furniture,Dallas,x,1\r\n"
    );
    assert!(mistake(csv).starts_with("line 7, column 5 (units)"));
    let csv = format!("{HEADER}2017-01-01,\"Lamp\nwith shade\",Furniture,Dallas,x,1\n");
    assert!(mistake(csv).starts_with("line 3, column 5 (units)"));
}

#[test]
fn columns_may_come_in_any_order_and_case_among_others() {
    let csv = "\u{FEFF}\" Revenue\",note,UNITS , operation,Category,product,note,date\r\n 12.5 ,a,\"3\", Dallas ,Furniture,Lamp,\u{1},2017-01-01\r\n";
    let store = SalesStore::from_reader("s.csv", csv.as_bytes()).expect("sales");
    let filter = Filter { operation: Some("Dallas".into()), ..Filter::default() };
    let rows = store.answer(&Query::new(filter).by(Dimension::Product)).rows;
    let totals = rows[0].totals;
    assert_eq!(
        (rows.len(), &*rows[0].names[0], totals.units, totals.revenue.to_string()),
        (1, "Lamp", 3, "12.50".to_owned())
    );
    let csv = csv.replace(",2017-01-01", ",x");
    assert!(mistake(csv).starts_with("line 2, column 8 (date)"));
}

#[test]
fn a_file_that_cannot_be_read_is_an_io_error() {
    let error = SalesStore::open("no/such.csv").expect_err("no file");
    assert_eq!(error.kind(), LoadErrorKind::Io);
    assert_eq!(error.to_string(), "no/such.csv: could not be read");
    assert!(format!("{error:?}").contains("No such file") || cfg!(not(unix)), "{error:?}");

    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let error =
        SalesStore::from_reader("s.csv", HEADER.as_bytes().chain(Broken)).expect_err("no disk");
    assert_eq!(error.kind(), LoadErrorKind::Io);
    assert_eq!(format!("{error:?}"), "s.csv: could not be read: the disk is gone");
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["2017-01-01", "Lamp", "Dallas", "1", "-2.5", "\"a,b\"", "\"a\nb\"", "9223372036854775807"]).prop_map(str::to_owned),
        1 => "\\PC{0,8}",
    ]
}

proptest! {
    #[test]
    fn any_bytes_load_or_err(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = SalesStore::from_reader("s.csv", &bytes[..]);
        let _ = SalesStore::from_reader("s.csv", HEADER.as_bytes().chain(&bytes[..]));
    }

    #[test]
    fn any_fields_load_or_err(rows in prop::collection::vec(prop::collection::vec(field(), 4..8), 0..8)) {
        let rows: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
        let _ = SalesStore::from_reader("s.csv", format!("{HEADER}{}", rows.join("\r\n")).as_bytes());
    }

    #[test]
    fn every_cut_of_a_good_file_loads_whole_lines_or_errs(cut in 0_usize..140) {
        let csv = format!("{HEADER}2017-01-01,\"Lamp \"\"XL\"\"\",Furniture,Dallas,1,1\n2017-01-02,Desk,Furniture,Dallas,10,100\n");
        let _ = SalesStore::from_reader("s.csv", &csv.as_bytes()[..cut.min(csv.len())]);
    }
}
