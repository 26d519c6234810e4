//! Items of the table: texts of any length, and what stands in an item.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::types::AttributeValue;

/// How much of a text goes into one item, in bytes. DynamoDB allows 400 KB, names included
/// ("Service, account, and table quotas").
pub(crate) const PIECE: usize = 380 * 1024;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// An item lacks what it should have.
#[derive(Debug, thiserror::Error)]
#[error("an item has no {kind} `{name}`")]
pub(crate) struct Missing {
    kind: &'static str,
    name: &'static str,
}

/// An item's keys, and when DynamoDB may delete it, in seconds since the Unix epoch.
pub(crate) fn keyed(partition: String, sort: String, expires: u64) -> Item {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(partition)),
        ("sk".to_owned(), AttributeValue::S(sort)),
        ("expires".to_owned(), number_value(expires)),
    ])
}

pub(crate) fn number_value(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, Missing> {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.map(String::as_str).ok_or(Missing { kind: "text", name })
}

pub(crate) fn number(item: &Item, name: &'static str) -> Result<u64, Missing> {
    let value = item.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
    value.ok_or(Missing { kind: "number", name })
}

/// Cuts a text between characters, into pieces that an item can hold.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::with_capacity(text.len() / PIECE + 1);
    let mut rest = text;
    loop {
        let mut end = rest.len().min(PIECE);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, more) = rest.split_at(end);
        pieces.push(piece);
        if more.is_empty() {
            return pieces;
        }
        rest = more;
    }
}

/// Names the pieces of one writing of a text: another process may be writing another at the same time.
///
/// From the system, and not from a generator in memory, which processes restored from one snapshot
/// have in common.
pub(crate) fn unique() -> Result<String, getrandom::Error> {
    getrandom::u64().map(|number| format!("{number:016x}"))
}

pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_nothing_is_lost() {
        for text in [String::new(), "short".to_owned(), "ä🦀x".repeat(300_000)] {
            let pieces = pieces(&text);
            assert_eq!(pieces.concat(), text);
            assert!(pieces.iter().all(|piece| piece.len() <= PIECE));
        }
    }
}
