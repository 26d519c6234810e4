use std::{ops::Deref, vec};

use quick_xml::DeError;
use serde::{Deserialize, de::DeserializeOwned};

/// A list of an XML answer, whatever its elements are called (`item`, `member`, `DBInstance`).
///
/// ```
/// use mcp_aws::List;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// struct Volume {
///     volume_id: String,
/// }
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// struct Volumes {
///     #[serde(default)]
///     volume_set: List<Volume>,
/// }
/// ```
#[derive(Clone, Debug, Deserialize)]
pub struct List<T> {
    #[serde(rename = "$value", default = "Vec::new")]
    items: Vec<T>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

/// Reads the document's one element.
pub(crate) fn xml<T: DeserializeOwned>(text: &str) -> Result<T, DeError> {
    quick_xml::de::from_str(text)
}

/// The element in which the query protocol wraps the result of an operation; the whole where it is
/// not there, as operations that return nothing have none.
pub(crate) fn result_of<'a>(text: &'a str, operation: &str) -> &'a str {
    let (begin, end) = (format!("<{operation}Result"), format!("</{operation}Result>"));
    match (text.find(&begin), text.rfind(&end)) {
        (Some(start), Some(stop)) if start < stop => &text[start..stop + end.len()],
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Instance {
        name: String,
        #[serde(default)]
        size: Option<u32>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Instances {
        #[serde(default)]
        instances: List<Instance>,
        #[serde(default)]
        marker: Option<String>,
    }

    #[test]
    fn elements_of_a_list_may_be_called_anything() {
        for name in ["item", "member", "DBInstance"] {
            let text = format!(
                "<?xml version='1.0'?><DescribeResponse xmlns=\"urn:x\"><DescribeResult><Instances>\n\
                 <{name}><Name>a &amp; b</Name><Size>3</Size><Other/></{name}>\n  <{name}><Name>c</Name></{name}>\n\
                 </Instances><Marker>m</Marker></DescribeResult><ResponseMetadata><RequestId>r</RequestId>\
                 </ResponseMetadata></DescribeResponse>"
            );
            let read: Instances = xml(result_of(&text, "Describe")).expect("read");
            assert_eq!(
                &*read.instances,
                [
                    Instance { name: "a & b".to_owned(), size: Some(3) },
                    Instance { name: "c".to_owned(), size: None },
                ]
            );
            assert_eq!(read.marker.as_deref(), Some("m"));
        }
    }

    #[test]
    fn a_list_may_be_empty_or_absent() {
        for text in
            ["<R><Instances/></R>", "<R><Instances>\n</Instances></R>", "<R/>", "<R><Marker/></R>"]
        {
            let read: Instances = xml(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(read.instances.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_list_of_texts_is_read() {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Names {
            names: List<String>,
        }
        let read: Names =
            xml("<R><Names><member>a</member><member>b</member></Names></R>").expect("read");
        assert_eq!(&*read.names, ["a", "b"]);
    }
}
