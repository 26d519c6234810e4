//! Sales data in S3: moto's over a socket, and a server that refuses as S3 does and moto does not.

#![cfg(feature = "s3")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../mcp-aws/tests/support/mod.rs"]
mod support;

use std::{
    io::Write as _,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use http_body_util::Full;
use hyper::{Response, body::Bytes};
use mcp_aws::{Client, Request, service};
use mcp_tools_sales::{
    LoadError, LoadErrorKind, Query, QueryErrorKind, S3Sales, Sales, SalesEngine,
};

use crate::support::{Recording, answer, at_moto};

const HEADER: &str = "date,product,category,operation,units,revenue\n";
const LAMP: &str = "2017-01-01,Lamp,Home,Dallas,2,39.98\n";
const DESK: &str = "2017-02-01,Desk,Home,Austin,1,100\n";

/// A bucket of its own at moto.
async fn bucket() -> (Client, String) {
    static BUCKETS: AtomicU32 = AtomicU32::new(0);
    let client = at_moto().await;
    let name = format!("sales-{}-{}", std::process::id(), BUCKETS.fetch_add(1, Ordering::Relaxed));
    let create = Request::rest(&service::S3, "CreateBucket", "PUT", "/").bucket(&*name);
    client.send(create).await.unwrap();
    (client, name)
}

async fn put(client: &Client, bucket: &str, key: &str, body: impl Into<Bytes>) {
    let put = Request::rest(&service::S3, "PutObject", "PUT", "/");
    client.send(put.bucket(bucket).key(key).body(body)).await.unwrap();
}

fn sales(client: &Client, location: &str) -> S3Sales {
    S3Sales::new(location, client.config()).unwrap()
}

async fn units(sales: &S3Sales) -> i64 {
    let answer = SalesEngine::answer(sales, &Query::default()).await.unwrap();
    answer.rows[0].totals.units
}

#[tokio::test]
async fn all_objects_below_a_prefix_are_loaded_with_their_format() {
    let (client, bucket) = bucket().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(format!("{HEADER}{DESK}").as_bytes()).unwrap();
    put(&client, &bucket, "2017/a & b.csv", format!("{HEADER}{LAMP}")).await;
    put(&client, &bucket, "2017/02/b.csv.gz", gzip.finish().unwrap()).await;
    put(&client, &bucket, "2017/sales.toml", "currency = \"USD\"").await;
    put(&client, &bucket, "2017/_SUCCESS", "").await;
    put(&client, &bucket, "2017/notes.txt", "not sales").await;
    put(&client, &bucket, "2018/c.csv", "not read").await;
    let sales = sales(&client, &format!("s3://{bucket}/2017/"));
    sales.load().await.unwrap();
    assert_eq!(units(&sales).await, 3);
    let data = sales.describe().await.unwrap();
    assert_eq!((data.files, data.order_lines), (2, 2));
    let scope = Sales::from(sales).scope(Default::default(), &[Default::default()]).await.unwrap();
    assert_eq!(scope.currency(), Some("USD"));
}

#[tokio::test]
async fn what_changes_is_loaded_while_questions_are_answered() {
    let (client, bucket) = bucket().await;
    put(&client, &bucket, "all.csv", format!("{HEADER}{LAMP}")).await;
    let sales = sales(&client, &format!("s3://{bucket}/all.csv")).check_after(Duration::ZERO);
    assert_eq!(units(&sales).await, 2);
    put(&client, &bucket, "all.csv", format!("{HEADER}{LAMP}{DESK}")).await;
    // The question that finds out is answered from what there was.
    let mut answers = vec![units(&sales).await];
    while answers.last() == Some(&2) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        answers.push(units(&sales).await);
    }
    assert!(answers.iter().all(|units| [2, 3].contains(units)), "{answers:?}");
    // What is no sales data any more changes nothing, and is told to whoever asks for it.
    put(&client, &bucket, "all.csv", "nonsense").await;
    assert_eq!(sales.refresh().await.unwrap_err().kind(), LoadErrorKind::Data);
    assert_eq!(units(&sales).await, 3);
}

#[tokio::test]
async fn large_objects_are_kept_in_a_folder_for_the_next_process() {
    let (client, bucket) = bucket().await;
    put(&client, &bucket, "all.csv", format!("{HEADER}{LAMP}")).await;
    let folder = std::env::temp_dir().join(&bucket);
    std::fs::create_dir(&folder).unwrap();
    let open = || sales(&client, &format!("s3://{bucket}/all.csv")).cache(0, &folder);
    assert_eq!(units(&open()).await, 2);
    let kept = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), format!("{HEADER}{LAMP}"));
    // As long as it is there, it is what is read: the object's version has not changed.
    std::fs::write(&kept, format!("{HEADER}{}", LAMP.replace(",2,", ",7,"))).unwrap();
    assert_eq!(units(&open()).await, 7);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_folder_keeps_one_version_of_each_object_and_nothing_else_of_the_location() {
    let (client, bucket) = bucket().await;
    put(&client, &bucket, "a.csv", format!("{HEADER}{LAMP}")).await;
    put(&client, &bucket, "b.csv", format!("{HEADER}{DESK}")).await;
    let folder = std::env::temp_dir().join(&bucket);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("sales-of-somebody-else"), "").unwrap();
    let open = || sales(&client, &format!("s3://{bucket}")).cache(0, &folder);
    let kept = || {
        let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        let mut kept: Vec<String> =
            files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
        kept.sort_unstable();
        kept
    };
    let first = open();
    assert_eq!(units(&first).await, 3);
    put(&client, &bucket, "a.csv", format!("{HEADER}{LAMP}{LAMP}")).await;
    assert!(first.refresh().await.unwrap());
    assert_eq!(units(&first).await, 5);
    let desk = format!("{HEADER}{DESK}");
    assert_eq!(kept(), ["", &format!("{HEADER}{LAMP}{LAMP}"), &desk]);
    let delete = Request::rest(&service::S3, "DeleteObject", "DELETE", "/");
    client.send(delete.bucket(&*bucket).key("a.csv")).await.unwrap();
    // Another process, while the first one goes on.
    assert_eq!(units(&open()).await, 1);
    assert_eq!(kept(), ["", &desk]);
    assert_eq!(units(&first).await, 5);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn more_than_the_budget_is_refused_before_it_is_read() {
    let (client, bucket) = bucket().await;
    put(&client, &bucket, "all.csv", format!("{HEADER}{LAMP}")).await;
    let error = sales(&client, &format!("s3://{bucket}")).budget(50).load().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("s3://{bucket}/: expected objects of at most 50 bytes in all, found 82 bytes")
    );
}

#[tokio::test]
async fn nothing_below_a_prefix_is_told() {
    let (client, bucket) = bucket().await;
    let error = sales(&client, &format!("s3://{bucket}/2017")).load().await.unwrap_err();
    assert!(error.to_string().ends_with("found none"), "{error}");
    let error = sales(&client, "s3://no-such-bucket-here/x").load().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "s3://no-such-bucket-here/x: expected a bucket of that name, found none"
    );
}

fn listing(etag: &str, size: usize) -> String {
    format!(
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>all.csv</Key>\
         <ETag>\"{etag}\"</ETag><Size>{size}</Size></Contents></ListBucketResult>"
    )
}

/// What loading comes to where S3 answers so.
async fn load(
    answers: impl Fn(usize) -> Option<Response<Full<Bytes>>> + Send + Sync + 'static,
) -> (Recording, Result<S3Sales, LoadError>) {
    let server = Recording::start(answers).await;
    let sales = sales(&server.client(), "s3://sales/all.csv");
    let loaded = sales.load().await.map(|()| sales);
    (server, loaded)
}

#[tokio::test]
async fn an_object_that_is_deleted_after_the_listing_has_all_listed_again() {
    let csv = format!("{HEADER}{LAMP}");
    let size = csv.len();
    let missing = "<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>";
    let (server, loaded) = load(move |number| match number {
        0 => answer(200, &listing("one", size)),
        1 => answer(404, missing),
        2 => answer(200, &listing("two", size)),
        _ => answer(200, &csv),
    })
    .await;
    assert_eq!(units(&loaded.unwrap()).await, 2);
    let asked = server.asked();
    assert_eq!(asked[3].headers()["if-match"], "\"two\"");

    let (_, loaded) = load(move |number| match number % 2 {
        0 => answer(200, &listing("one", size)),
        _ => answer(404, missing),
    })
    .await;
    assert_eq!(
        loaded.unwrap_err().to_string(),
        "s3://sales/all.csv: expected objects that stay as they are while they are read, found that \
         one was deleted or replaced, 3 times in a row"
    );
}

#[tokio::test]
async fn an_object_that_ends_too_early_is_an_error() {
    let csv = format!("{HEADER}{LAMP}");
    let size = csv.len() + 7;
    let (_, loaded) = load(move |number| match number {
        0 => answer(200, &listing("one", size)),
        _ => answer(200, &csv),
    })
    .await;
    let error = format!("{:?}", loaded.unwrap_err());
    assert!(error.contains("the object ended after 82 of 89 bytes"), "{error}");
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let refuse = |status: u16, code: &str, message: &str| {
        let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        move |_: usize| answer(status, &body)
    };
    let (_, loaded) = load(refuse(403, "AccessDenied", "Access Denied")).await;
    let error = loaded.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Refused);
    assert_eq!(
        error.to_string(),
        "s3://sales/all.csv: expected permission for s3:ListBucket, found access denied"
    );
    let message = "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'";
    let (_, loaded) = load(refuse(400, "AuthorizationHeaderMalformed", message)).await;
    assert_eq!(
        loaded.unwrap_err().to_string(),
        format!(
            "s3://sales/all.csv: expected the bucket in the region that is configured (AWS_REGION), found {message}"
        )
    );
    let (_, loaded) = load(refuse(301, "PermanentRedirect", "elsewhere")).await;
    assert_eq!(loaded.unwrap_err().kind(), LoadErrorKind::Refused);
}

#[tokio::test]
async fn the_model_is_told_that_the_data_cannot_be_read_and_no_more() {
    let server = Recording::start(|_| {
        answer(
            403,
            "<Error><Code>AccessDenied</Code><Message>arn:aws:iam::1:user/x</Message></Error>",
        )
    })
    .await;
    let sales = sales(&server.client(), "s3://secret-bucket/all.csv");
    let error = sales.describe().await.unwrap_err();
    assert_eq!(error.kind(), QueryErrorKind::Unavailable);
    assert!(!error.to_string().contains("secret-bucket"), "{error}");
}
