//! refresh_prices against a server of ours that has the Price List's files in their documented form;
//! moto has them not.

use std::fmt::Write as _;

use aws_credential_types::Credentials;
use mcp_core::Server;
use mcp_testing::Harness;
use mcp_tools_aws::{Prices, RefreshPrices, RefreshedPrices, Target, refreshed_deploy_pack};

use crate::{
    computing, costs, option,
    support::{Asked, Fault, Proxy, at},
};

/// A price of the list: usage type, operation, and tiers as (from, to, price).
type Listed<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str, &'a str)]);

/// A file of the Price List: five lines about it, then a header and prices. The form is that of AWS's
/// guide, "Reading the service price list file for an AWS service"; the columns are those of the file of
/// Comprehend of 2026-01-16. Other services have more of them, between these.
fn file(prices: &[Listed<'_>]) -> String {
    let mut file = "\"FormatVersion\",\"v1.0\"\n\
        \"Disclaimer\",\"Prices of a test, in US dollars, not in force. See https://aws.amazon.com/free/\"\n\
        \"Publication Date\",\"2026-11-20T10:00:00Z\"\n\"Version\",\"20261120100000\"\n\
        \"OfferCode\",\"any\"\n\
        \"SKU\",\"OfferTermCode\",\"RateCode\",\"TermType\",\"PriceDescription\",\"EffectiveDate\",\
        \"StartingRange\",\"EndingRange\",\"Unit\",\"PricePerUnit\",\"Currency\",\"Product Family\",\
        \"serviceCode\",\"Location\",\"Location Type\",\"Group\",\"Group Description\",\"usageType\",\
        \"operation\",\"PlatoFeatureType\",\"Region Code\",\"serviceName\"\n"
        .to_owned();
    for (sku, (usage_type, operation, tiers)) in prices.iter().enumerate() {
        for (from, to, usd) in *tiers {
            writeln!(
                file,
                "\"SKU{sku}\",\"JRTCKXETXF\",\"SKU{sku}.JRTCKXETXF.{from}\",\"OnDemand\",\
                 \"${usd} a unit, up to \"\"{to}\"\"\",\"2026-11-01\",\"{from}\",\"{to}\",\"unit\",\
                 \"{usd}\",\"USD\",\"Serverless\",\"x\",\"US East (N. Virginia)\",\"AWS Region\",\
                 \"\",\"\",\"{usage_type}\",\"{operation}\",\"\",\"us-east-1\",\"x\""
            )
            .expect("a string");
        }
    }
    file
}

const EKS: Listed<'_> =
    ("USE1-AmazonEKS-Hours:perCluster", "CreateOperation", &[("0", "Inf", "0.1000000000")]);

/// The Price List; nothing but its files is asked for.
fn price_list(asked: &Asked) -> String {
    let code = asked.operation.strip_prefix("GET /offers/v1.0/aws/").expect("an offer file");
    let code = code.strip_suffix("/current/us-east-1/index.csv").expect("of the region");
    match code {
        "AWSLambda" => file(&[
            ("Request", "Invoke", &[("0", "Inf", "0.0000002500")]),
            ("Request-ARM", "Invoke", &[("0", "Inf", "0.0000009900")]),
            (
                "Lambda-GB-Second",
                "Invoke",
                &[
                    ("0", "6000000000", "0.0000166667"),
                    ("6000000000", "15000000000", "0.0000150000"),
                    ("15000000000", "Inf", "0.0000133334"),
                ],
            ),
            // The free tier stands in the same file, of usage types of its own.
            ("Global-Request", "Invoke", &[("0", "1000000", "0.0000000000")]),
            ("Global-Lambda-GB-Second", "Invoke", &[("0", "400000", "0.0000000000")]),
            // Ten times the price: the mistake that has been made before.
            ("Lambda-GB-Second-ARM", "Invoke", &[("0", "Inf", "0.000133334")]),
        ]),
        "AWSELB" => file(&[
            ("LoadBalancerUsage", "LoadBalancing:Application", &[("0", "Inf", "0.0225")]),
            ("LoadBalancerUsage", "LoadBalancing", &[("0", "Inf", "0.025")]),
        ]),
        "AmazonEKS" => file(&[EKS]),
        "AmazonCloudWatch" => file(&[
            ("VendedLog-Bytes", "A", &[("0", "Inf", "0.5")]),
            ("VendedLog-Bytes", "B", &[("0", "Inf", "0.25")]),
        ]),
        _ => file(&[]),
    }
}

async fn at_price_list(
    fault: impl Fn(&Asked) -> Fault + Send + Sync + 'static,
) -> (Proxy, Harness) {
    let proxy = Proxy::start("http://127.0.0.1:9", fault).await;
    // Without credentials: the list is for everybody.
    let aws = at(proxy.url(), Credentials::new("unused", "unused", None, None, "test"));
    let pack = refreshed_deploy_pack(Prices::built_in(), aws);
    (proxy, Harness::in_memory(Server::builder("deploy", "1").pack(pack).build()).await)
}

fn reason<'a>(answer: &'a RefreshedPrices, price: &str) -> &'a str {
    let kept = answer.kept.iter().find(|kept| kept.price == price);
    &kept.unwrap_or_else(|| panic!("{price} was not kept: {answer:?}")).reason
}

#[tokio::test]
async fn prices_are_confirmed_taken_over_or_kept_with_a_reason() {
    let (proxy, mcp) = at_price_list(|asked| Fault::Answer(200, price_list(asked))).await;
    let before = costs(&mcp, computing(1_000_000, 2000)).await;
    assert_eq!(option(&before, Target::LambdaFunctionUrl).monthly_usd.to_string(), "$33.53");

    let outcome = mcp.call(RefreshPrices::default()).await;
    let answer: RefreshedPrices = outcome.structured();
    // GB-seconds of x86, the load balancer's hours, EKS.
    assert_eq!(answer.confirmed, 3, "{answer:?}");
    let changed: Vec<(&str, &str, &str)> = answer
        .changed
        .iter()
        .map(|it| (it.price.as_str(), it.before.as_str(), it.now.as_str()))
        .collect();
    assert_eq!(changed, [("lambda.requests", "0.0000002", "0.00000025")]);
    assert!(reason(&answer, "lambda.duration_arm").contains("far from"), "{answer:?}");
    assert!(reason(&answer, "logs.lambda").contains("several prices"));
    assert!(reason(&answer, "fargate.vcpu_x86").contains("does not have"));
    assert!(reason(&answer, "instances.t3.small").contains("not read from the Price List"));
    assert_eq!(answer.published["AWSLambda"], "2026-11-20T10:00:00Z");
    assert_eq!(answer.partial, None);
    assert!(outcome.text().contains("lambda.requests: $0.0000002 is now $0.00000025"));

    let after = costs(&mcp, computing(1_000_000, 2000)).await;
    assert_eq!(option(&after, Target::LambdaFunctionUrl).monthly_usd.to_string(), "$33.58");

    let asked = proxy.take_asked();
    assert_eq!(asked.len(), 9, "{asked:?}");
    assert!(asked.iter().all(|asked| asked.service.is_empty()), "signed: {asked:?}");
}

#[tokio::test]
async fn a_price_list_that_cannot_be_reached_leaves_all_as_it_was() {
    for (fault, says) in [
        (Fault::Cut, "cannot be reached"),
        (Fault::CutBody, "cannot be reached"),
        (Fault::Answer(403, "<Error/>".to_owned()), "could not be read"),
        (Fault::Answer(200, "<html>a captive portal</html>".to_owned()), "no header"),
    ] {
        let (_proxy, mcp) = at_price_list(move |_| fault.clone()).await;
        let error = mcp.call(RefreshPrices::default()).await.tool_error();
        assert!(error.contains(says), "{says}: {error}");
        let costs = costs(&mcp, computing(1_000_000, 2000)).await;
        assert_eq!(option(&costs, Target::LambdaFunctionUrl).monthly_usd.to_string(), "$33.53");
    }
}

#[tokio::test]
async fn a_file_that_is_missing_makes_the_answer_partial() {
    let (_proxy, mcp) = at_price_list(|asked| match asked.operation.contains("AmazonEKS") {
        true => Fault::Answer(404, String::new()),
        false => Fault::Answer(200, price_list(asked)),
    })
    .await;
    let outcome = mcp.call(RefreshPrices::default()).await;
    let answer: RefreshedPrices = outcome.structured();
    assert!(answer.partial.as_deref().is_some_and(|it| it.contains("AmazonEKS")), "{answer:?}");
    assert!(reason(&answer, "eks.cluster").contains("could not be read"));
    assert_eq!(answer.confirmed, 2);
    assert!(outcome.text().contains("Partial:"));
}

#[tokio::test]
async fn a_region_without_prices_is_not_asked_for() {
    let (proxy, mcp) = at_price_list(|asked| Fault::Answer(200, price_list(asked))).await;
    let question = RefreshPrices { region: Some("mars-north-1".to_owned()) };
    let error = mcp.call(question).await.tool_error();
    assert!(error.contains("There are those of: us-east-1"), "{error}");
    assert_eq!(proxy.take_asked().len(), 0);
}
