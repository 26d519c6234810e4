//! Where a service is.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use crate::{Error, Service};

/// What AWS leaves as it is in a path's segment or a parameter: RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The key of an object keeps its slashes.
const ENCODED_KEY: &AsciiSet = &ENCODED.remove(b'/');

/// A text as a segment of a path or as a parameter.
///
/// ```
/// assert_eq!(mcp_aws::encode("a function/b").to_string(), "a%20function%2Fb");
/// ```
pub fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ENCODED)
}

/// The key of an object in S3 as a path.
pub(crate) fn encode_key(key: &str) -> PercentEncode<'_> {
    utf8_percent_encode(key, ENCODED_KEY)
}

/// The part of a region's host names that tells its partition.
fn domain(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        Some("us") if region.starts_with("us-iso-") => "c2s.ic.gov",
        Some("us") if region.starts_with("us-isob-") => "sc2s.sgov.gov",
        _ => "amazonaws.com",
    }
}

/// Regions and buckets go into host names, and may come from a model.
fn is_label(text: &str) -> bool {
    (3..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The URL before a request's path, without a slash at its end, and what the path begins with.
pub(crate) fn endpoint(
    config: &SdkConfig,
    service: &Service,
    region: &str,
    bucket: Option<&str>,
    given: Option<&str>,
) -> Result<(String, String), Error> {
    if !is_label(region) {
        return Err(Error::invalid(
            service,
            "expected the code of a region, such as \"us-east-1\"",
        ));
    }
    if let Some(url) = given.map(str::to_owned).or_else(|| configured(config, service)) {
        let prefix = bucket.map(|bucket| format!("/{}", encode(bucket))).unwrap_or_default();
        return Ok((url.trim_end_matches('/').to_owned(), prefix));
    }
    let (host, domain) = (service.host(), domain(region));
    Ok(match bucket {
        Some(bucket) if is_label(bucket) => {
            (format!("https://{bucket}.{host}.{region}.{domain}"), String::new())
        }
        // The certificate has one label for buckets; those with dots are asked by path.
        Some(bucket) => {
            (format!("https://{host}.{region}.{domain}"), format!("/{}", encode(bucket)))
        }
        None => (format!("https://{host}.{region}.{domain}"), String::new()),
    })
}

/// `AWS_ENDPOINT_URL`, or that of the service, as in an SDK: what a program has set comes first.
fn configured(config: &SdkConfig, service: &Service) -> Option<String> {
    let general = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return general();
    }
    let key = ServiceConfigKey::builder()
        .service_id(service.id())
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    let own = config.service_config().and_then(|services| services.load_config(key));
    own.or_else(general)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{ECR, S3};

    fn at(service: &Service, region: &str, bucket: Option<&str>) -> (String, String) {
        endpoint(&SdkConfig::builder().build(), service, region, bucket, None).expect("an endpoint")
    }

    #[test]
    fn hosts_follow_the_service_the_region_and_its_partition() {
        for (region, host) in [
            ("eu-west-1", "https://api.ecr.eu-west-1.amazonaws.com"),
            ("us-gov-west-1", "https://api.ecr.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "https://api.ecr.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "https://api.ecr.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!(at(&ECR, region, None), (host.to_owned(), String::new()));
        }
    }

    #[test]
    fn a_bucket_is_in_the_host_unless_it_has_dots() {
        let host = "https://plain-name.s3.eu-west-1.amazonaws.com".to_owned();
        assert_eq!(at(&S3, "eu-west-1", Some("plain-name")), (host, String::new()));
        let host = "https://s3.eu-west-1.amazonaws.com".to_owned();
        assert_eq!(at(&S3, "eu-west-1", Some("a.b.c")), (host, "/a.b.c".to_owned()));
    }

    #[test]
    fn what_is_no_region_does_not_get_into_a_host() {
        for region in ["", "evil.example/", "US-EAST-1", "us-east-1.evil", "a b"] {
            let config = SdkConfig::builder().build();
            assert!(endpoint(&config, &S3, region, None, None).is_err(), "{region}");
        }
    }

    #[test]
    fn an_endpoint_of_the_configuration_is_used_for_all() {
        let config = SdkConfig::builder().endpoint_url("http://127.0.0.1:5000/").build();
        let (url, prefix) =
            endpoint(&config, &S3, "us-east-1", Some("bucket"), None).expect("an endpoint");
        assert_eq!((url.as_str(), prefix.as_str()), ("http://127.0.0.1:5000", "/bucket"));
    }
}
