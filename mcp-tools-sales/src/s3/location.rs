use std::{fmt, str::FromStr};

use crate::LoadError;

/// A bucket, and what the keys of its objects begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) bucket: String,
    pub(super) prefix: String,
}

impl FromStr for Location {
    type Err = LoadError;

    fn from_str(url: &str) -> Result<Self, LoadError> {
        let wrong = || {
            let expected = "a location as s3://bucket or s3://bucket/prefix".to_owned();
            LoadError::file(url, expected, "something else".to_owned())
        };
        let rest = url.strip_prefix("s3://").ok_or_else(wrong)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
        };
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(allowed) {
            return Err(wrong());
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_bucket_and_a_prefix() {
        for (url, bucket, prefix) in [
            ("s3://sales", "sales", ""),
            ("s3://sales/", "sales", ""),
            ("s3://sales/2017/all.csv", "sales", "2017/all.csv"),
        ] {
            let location: Location = url.parse().expect("a location");
            assert_eq!((&*location.bucket, &*location.prefix), (bucket, prefix));
        }
        for url in ["sales", "s3:/sales", "s3://", "s3://Sales/x", "s3://a b/x", "https://sales"] {
            assert!(url.parse::<Location>().is_err(), "{url}");
        }
    }
}
