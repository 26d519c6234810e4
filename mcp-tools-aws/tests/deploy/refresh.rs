//! refresh_prices against a server of ours that has the Price List's files in their documented form;
//! moto has them not.

use std::fmt::Write as _;

use aws_credential_types::Credentials;
use mcp_core::Server;
use mcp_testing::Harness;
use mcp_tools_aws::{
    Architecture, EstimateDeploymentCost, Prices, RefreshPrices, RefreshedPrices, Target,
    refreshed_deploy_pack,
};

use crate::{
    computing, costs, option,
    support::{Asked, Fault, Proxy, at},
};

/// A price of the list: usage type, operation, and tiers as (from, to, price).
type Listed<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str, &'a str)]);

/// The columns of EC2's file of 2025-09-12 that others have not, before the usage type.
const OF_EC2: &str = "\"RelatedTo\",\"LeaseContractLength\",\"PurchaseOption\",\"OfferingClass\",\
    \"Instance Type\",\"Tenancy\",\"Operating System\",\"CapacityStatus\",\"MarketOption\",\
    \"Pre Installed S/W\",\"Volume API Name\",";

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
    let (code, region) = asked_for(asked);
    assert_eq!(region, "us-east-1");
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

/// Text between quotation marks after a name, on a line of a price file.
fn quoted<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_once(&format!("{name} = \""))?.1.split('"').next()
}

/// What the Price List has of Ireland if every price of the crate's file costs a tenth more there,
/// but for what `lacks` says.
fn ireland(code: &str, lacks: impl Fn(&str) -> bool) -> String {
    let known = include_str!("../../prices/us-east-1.toml");
    let mut prices = file(&[]);
    let mut sku = 0;
    let mut list = |prices: &mut String,
                    usage_type: &str,
                    operation: &str,
                    term: &str,
                    tiers: &[(&str, &str, String)]| {
        sku += 1;
        for (from, to, usd) in tiers {
            let ec2 = if code == "AmazonEC2" { ",,,,,,,,,,," } else { "" };
            writeln!(
                prices,
                "\"S{sku}\",\"JRTCKXETXF\",\"S{sku}.JRTCKXETXF.{from}\",\"{term}\",\"a price\",\
                 \"2026-11-01\",\"{from}\",\"{to}\",\"unit\",\"{usd}\",\"USD\",{ec2}\"Family\",\"{code}\",\
                 \"EU (Ireland)\",\"AWS Region\",\"\",\"\",\"EU-{usage_type}\",\"{operation}\",\"\",\
                 \"eu-west-1\",\"x\""
            )
            .expect("a string");
        }
    };
    if code == "AmazonEC2" {
        prices = prices.replace("\"Product Family\"", &format!("{OF_EC2}\"Product Family\""));
    }
    for line in known.lines().filter(|line| quoted(line, "offer") == Some(code)) {
        let usage_type = quoted(line, "usage_type").expect("a usage type");
        let usage_type = usage_type.strip_prefix("USE1-").unwrap_or(usage_type);
        if lacks(usage_type) {
            continue;
        }
        let dearer = |usd: &str| format!("{:.10}", usd.parse::<f64>().expect("a price") * 1.1);
        let operation = quoted(line, "operation").unwrap_or_default();
        let tiers: Vec<(&str, &str, String)> = match quoted(line, "usd") {
            Some(usd) => vec![("0", "Inf", dearer(usd))],
            None => {
                let tiers =
                    line.split_once("[[").expect("tiers").1.split_once("]]").expect("tiers").0;
                let tiers: Vec<&str> = tiers.split('"').skip(1).step_by(2).collect();
                let mut from = "0";
                let tiers = tiers.chunks_exact(2).map(|tier| {
                    let to = if tier[0].is_empty() { "Inf" } else { tier[0] };
                    (std::mem::replace(&mut from, to), to, dearer(tier[1]))
                });
                tiers.collect()
            }
        };
        list(&mut prices, usage_type, operation, "OnDemand", &tiers);
        if operation == "RunInstances" {
            // The same type with Windows, and reserved.
            let other = [("0", "Inf", "9.99".to_owned())];
            list(&mut prices, usage_type, "RunInstances:0002", "OnDemand", &other);
            list(&mut prices, usage_type, operation, "Reserved", &other);
        }
    }
    prices
}

/// On ARM, where AgentCore is possible.
fn computing_in(region: &str) -> EstimateDeploymentCost {
    let mut question = computing(1_000_000, 2000);
    question.workload.region = region.to_owned();
    question.workload.architecture = Architecture::Arm64;
    question
}

/// The code of the offer and the region that are asked for.
fn asked_for(asked: &Asked) -> (&str, &str) {
    let file = asked.operation.strip_prefix("GET /offers/v1.0/aws/").expect("an offer file");
    let file = file.strip_suffix("/index.csv").expect("CSV");
    file.split_once("/current/").expect("the current one")
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
    assert!(reason(&answer, "instances.t3.small").contains("was not asked for"));
    assert!(reason(&answer, "fargate.spot_share").contains("not read from the Price List"));
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
        (Fault::CutBody, "connection broke"),
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
async fn a_file_whose_connection_broke_is_asked_for_once_more() {
    let broken = std::sync::atomic::AtomicBool::new(false);
    let (proxy, mcp) = at_price_list(move |asked| {
        let breaks = asked.operation.contains("AmazonEKS")
            && !broken.swap(true, std::sync::atomic::Ordering::Relaxed);
        if breaks { Fault::CutBody } else { Fault::Answer(200, price_list(asked)) }
    })
    .await;
    let answer: RefreshedPrices = mcp.call(RefreshPrices::default()).await.structured();
    assert_eq!((answer.confirmed, answer.partial), (3, None));
    assert_eq!(proxy.take_asked().len(), 10);
}

/// Ireland, from a server that had never heard of it: all of its prices are a tenth higher.
#[tokio::test]
async fn a_region_that_is_not_known_is_read_whole() {
    let (proxy, mcp) = at_price_list(|asked| {
        let (code, region) = asked_for(asked);
        assert_eq!(region, "eu-west-1");
        // More than an answer that is read as a whole may have, in lines as long as EC2's.
        let filler = match code {
            "AmazonEC2" => {
                let description = "x".repeat(1000);
                format!("\"F\",\"J\",\"F.J.1\",\"OnDemand\",\"{description}\",\"\",\"0\",\"Inf\"\n")
                    .repeat(17 * 1024)
            }
            _ => String::new(),
        };
        Fault::Answer(200, ireland(code, |_| false) + &filler)
    })
    .await;
    let unknown = mcp.call(computing_in("eu-west-1")).await.tool_error();
    assert!(unknown.contains("refresh_prices"), "{unknown}");

    let question = RefreshPrices { region: Some("eu-west-1".to_owned()), file: true, ec2: false };
    let outcome = mcp.call(question.clone()).await;
    let answer: RefreshedPrices = outcome.structured();
    assert_eq!(
        (answer.confirmed, answer.changed.len(), answer.kept.len()),
        (0, 0, 0),
        "{answer:?}"
    );
    let listed = include_str!("../../prices/us-east-1.toml").matches(" offer = \"").count();
    assert_eq!(answer.added as usize, listed, "{answer:?}");
    assert_eq!((answer.not_sold.len(), answer.partial), (0, None));

    let here = costs(&mcp, computing_in("us-east-1")).await;
    let there = costs(&mcp, computing_in("eu-west-1")).await;
    assert_eq!((there.region.as_str(), &there.warning), ("eu-west-1", &None));
    for target in [Target::LambdaFunctionUrl, Target::Fargate, Target::Ec2, Target::AgentCore] {
        // Of 0.1 cents each, in either.
        let [here, there] = [&here, &there].map(|costs| {
            let usd = option(costs, target).monthly_usd.to_string();
            usd.trim_start_matches('$').replace(',', "").parse::<f64>().expect("dollars")
        });
        assert!((there - here * 1.1).abs() < 0.02, "{target:?}: {here} {there}");
    }
    let source = &option(&there, Target::Fargate).lines[0].source;
    assert!(source.contains("/offers/v1.0/aws/AmazonECS/current/eu-west-1/"), "{source}");

    // The file is for another server.
    let file = answer.file.expect("a file");
    let prices = Prices::empty().with(&file).unwrap_or_else(|error| panic!("{error}\n{file}"));
    let today = chrono::Utc::now().date_naive();
    let ask = computing_in("eu-west-1").workload;
    let read = ask.costs(&prices, today).expect("costs");
    let [read, there] = [read, there].map(|costs| {
        let costs = costs.options.into_iter();
        costs.map(|it| (it.target, it.monthly_usd.to_string())).collect::<Vec<_>>()
    });
    assert_eq!(read, there);

    // Now it is known: EC2 is read where that is asked for.
    proxy.take_asked();
    let again = RefreshPrices { ec2: true, file: false, ..question };
    let answer: RefreshedPrices = mcp.call(again).await.structured();
    assert_eq!((answer.added, answer.confirmed as usize), (0, listed), "{answer:?}");
    assert_eq!(proxy.take_asked().len(), 10);
}

#[tokio::test]
async fn what_a_region_lacks_is_left_out_or_told() {
    let (_proxy, mcp) = at_price_list(|asked| match asked_for(asked).0 {
        "AmazonBedrockAgentCore" => Fault::Answer(404, String::new()),
        code => {
            Fault::Answer(200, ireland(code, |it| it.contains("m7g") || it == "VendedLog-Bytes"))
        }
    })
    .await;
    let question = RefreshPrices { region: Some("eu-west-1".to_owned()), file: true, ec2: false };
    let answer: RefreshedPrices = mcp.call(question).await.structured();
    assert_eq!(answer.not_sold, ["agentcore.vcpu", "agentcore.memory", "instances.m7g.large"]);
    assert_eq!(answer.kept.len(), 1, "{answer:?}");
    assert!(reason(&answer, "logs.lambda").contains("does not have"));
    let costs = costs(&mcp, computing_in("eu-west-1")).await;
    assert!(costs.options.iter().all(|it| it.target != Target::AgentCore));
    assert!(costs.impossible.iter().any(|it| it.reason.contains("does not have it in eu-west-1")));
    let warning = costs.warning.expect("a warning");
    assert!(warning.contains("those of us-east-1: logs.lambda"), "{warning}");
    assert!(Prices::empty().with(&answer.file.expect("a file")).is_ok());
}

#[tokio::test]
async fn half_a_region_is_not_taken_over() {
    for (case, says) in [
        ("too little", "5 prices are missing: lambda.requests"),
        ("no region", "No prices of \"eu-west-1\" were taken over"),
        ("broken", "connection broke"),
        ("no list", "no header"),
    ] {
        let (_proxy, mcp) = at_price_list(move |asked| {
            let code = asked_for(asked).0;
            match (case, code) {
                ("no region", _) => Fault::Answer(404, String::new()),
                ("broken", "AmazonVPC") => Fault::CutBody,
                ("no list", "AmazonVPC") => Fault::Answer(200, "<html></html>".to_owned()),
                ("too little", "AWSLambda") => Fault::Answer(
                    200,
                    ireland(code, |it| it == "Request" || it.starts_with("Lambda-Provisioned")),
                ),
                _ => Fault::Answer(200, ireland(code, |_| false)),
            }
        })
        .await;
        let question = RefreshPrices { region: Some("eu-west-1".to_owned()), ..Default::default() };
        let error = mcp.call(question).await.tool_error();
        assert!(error.contains(says), "{case}: {error}");
        let unknown = mcp.call(computing_in("eu-west-1")).await.tool_error();
        assert!(unknown.contains("no prices of the region"), "{case}: {unknown}");
    }
}

#[tokio::test]
async fn what_is_no_region_is_not_asked_for() {
    let (proxy, mcp) = at_price_list(|asked| Fault::Answer(200, price_list(asked))).await;
    for region in ["", "Ireland", "eu-west", "../eu-west-1"] {
        let question = RefreshPrices { region: Some(region.to_owned()), ..Default::default() };
        let error = mcp.call(question).await.tool_error();
        assert!(error.contains("no code of a region"), "{region}: {error}");
    }
    assert_eq!(proxy.take_asked().len(), 0);
}
