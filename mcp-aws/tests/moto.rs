//! Each protocol against moto, over a socket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use mcp_aws::{Client, ErrorKind, List, Page, Request, service};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::at_moto;

#[tokio::test]
async fn json_1_1_is_spoken_with_systems_manager() {
    let client = at_moto().await;
    let put = Request::new(&service::SSM, "PutParameter")
        .with("Name", "/app/theme")
        .with("Type", "SecureString")
        .with("Value", "dark");
    let _: Value = client.call(put).await.unwrap();
    let get = Request::new(&service::SSM, "GetParameter")
        .with("Name", "/app/theme")
        .with("WithDecryption", true);
    let answer: Value = client.call(get).await.unwrap();
    assert_eq!(answer["Parameter"]["Value"], "dark");
}

#[tokio::test]
async fn json_1_0_is_spoken_with_sqs() {
    let client = at_moto().await;
    let create = Request::new(&service::SQS, "CreateQueue").with("QueueName", "work");
    let queue: Value = client.call(create).await.unwrap();
    let send = Request::new(&service::SQS, "SendMessage")
        .with("QueueUrl", queue["QueueUrl"].clone())
        .with("MessageBody", "do & \"it\"");
    client.send(send).await.unwrap();
    let receive =
        Request::new(&service::SQS, "ReceiveMessage").with("QueueUrl", queue["QueueUrl"].clone());
    let received: Value = client.call(receive).await.unwrap();
    assert_eq!(received["Messages"][0]["Body"], "do & \"it\"");
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_not_found() {
    let client = at_moto().await;
    let get = Request::new(&service::SECRETS_MANAGER, "GetSecretValue").with("SecretId", "none");
    let error = client.call::<Value>(get).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.code(), Some("ResourceNotFoundException"));
    assert_eq!(error.action(), "secretsmanager:GetSecretValue");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn the_query_protocol_is_spoken_with_sts_and_rds() {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Identity {
        account: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Instances {
        #[serde(rename = "DBInstances", default)]
        instances: List<Instance>,
    }
    #[derive(Deserialize)]
    struct Instance {
        #[serde(rename = "DBInstanceIdentifier")]
        id: String,
        #[serde(rename = "AllocatedStorage")]
        storage: u32,
    }
    let client = at_moto().await;
    let identity: Identity =
        client.call(Request::new(&service::STS, "GetCallerIdentity")).await.unwrap();
    assert_eq!(identity.account.len(), 12);
    for name in ["one", "two"] {
        let create = Request::new(&service::RDS, "CreateDBInstance")
            .with("DBInstanceIdentifier", name)
            .with("DBInstanceClass", "db.t4g.micro")
            .with("Engine", "postgres")
            .with("AllocatedStorage", 20)
            .with("MasterUsername", "owner")
            .with("MasterUserPassword", "correct horse");
        client.send(create).await.unwrap();
    }
    let instances: Instances =
        client.call(Request::new(&service::RDS, "DescribeDBInstances")).await.unwrap();
    let names: Vec<_> =
        instances.instances.into_iter().map(|found| (found.id, found.storage)).collect();
    assert_eq!(names, [("one".to_owned(), 20), ("two".to_owned(), 20)]);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volumes {
    #[serde(default)]
    volume_set: List<Volume>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    size: u32,
}

impl Page for Volumes {
    const TOKEN: &'static str = "NextToken";

    fn next_token(&mut self) -> Option<String> {
        self.next_token.take()
    }
}

async fn create_volume(client: &Client, size: u32, region: &str) {
    let create = Request::new(&service::EC2, "CreateVolume")
        .with("Size", size)
        .with("AvailabilityZone", format!("{region}a"))
        .region(region);
    client.send(create).await.unwrap();
}

async fn sizes(client: &Client, request: Request) -> Vec<u32> {
    let mut pages = client.pages::<Volumes>(request);
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        sizes.extend(page.volume_set.into_iter().map(|volume| volume.size));
    }
    sizes.sort_unstable();
    sizes
}

#[tokio::test]
async fn ec2_is_asked_by_region_with_filters() {
    let client = at_moto().await;
    create_volume(&client, 8, "us-east-1").await;
    create_volume(&client, 16, "us-east-1").await;
    create_volume(&client, 32, "eu-west-1").await;
    let request = Request::new(&service::EC2, "DescribeVolumes").with("MaxResults", 500);
    assert_eq!(sizes(&client, request.clone()).await, [8, 16]);
    assert_eq!(sizes(&client, request.clone().region("eu-west-1")).await, [32]);
    let filtered = request.with("Filter", json!([{ "Name": "size", "Value": ["16"] }]));
    assert_eq!(sizes(&client, filtered).await, [16]);
    let error = client
        .send(Request::new(&service::EC2, "DescribeVolumes").with("VolumeId", json!(["vol-0"])))
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, Some("InvalidVolume.NotFound")));
}

#[tokio::test]
async fn rest_json_is_spoken_with_lambda() {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Functions {
        functions: Vec<Value>,
    }
    let client = at_moto().await;
    let list = Request::rest(&service::LAMBDA, "ListFunctions", "GET", "/2015-03-31/functions/")
        .with("MaxItems", 50);
    let functions: Functions = client.call(list).await.unwrap();
    assert!(functions.functions.is_empty());
    let path = format!("/2015-03-31/functions/{}", mcp_aws::encode("not there"));
    let error =
        client.send(Request::rest(&service::LAMBDA, "GetFunction", "GET", path)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn objects_of_s3_are_listed_by_page_and_streamed_in_parts() {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Objects {
        // S3's lists have no element around them.
        #[serde(default)]
        contents: Vec<Object>,
        next_continuation_token: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Object {
        key: String,
        size: u64,
    }
    impl Page for Objects {
        const TOKEN: &'static str = "continuation-token";

        fn next_token(&mut self) -> Option<String> {
            self.next_continuation_token.take()
        }
    }
    let client = at_moto().await;
    let bucket = "sales-of-the-test";
    let s3 = |operation, method| Request::rest(&service::S3, operation, method, "/").bucket(bucket);
    client.send(s3("CreateBucket", "PUT")).await.unwrap();
    let content: Vec<u8> = (0..100_000u32).flat_map(u32::to_be_bytes).collect();
    for key in ["a/one & two.csv", "a/three+ü.csv", "b"] {
        client.send(s3("PutObject", "PUT").key(key).body(content.clone())).await.unwrap();
    }
    let list = s3("ListObjectsV2", "GET")
        .allowed_by("s3:ListBucket")
        .with("list-type", 2)
        .with("prefix", "a/")
        .with("max-keys", 1);
    assert_eq!(list.action(), "s3:ListBucket");
    let mut pages = client.pages::<Objects>(list);
    let mut found = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        assert_eq!(page.contents.len(), 1);
        found.extend(page.contents.into_iter().map(|object| (object.key, object.size)));
    }
    let expected = [("a/one & two.csv".to_owned(), 400_000), ("a/three+ü.csv".to_owned(), 400_000)];
    assert_eq!(found, expected);

    let get = s3("GetObject", "GET").key("a/three+ü.csv");
    let whole = client.stream(get.clone()).await.unwrap();
    assert_eq!((whole.status(), whole.content_length()), (200, Some(400_000)));
    let mut read = Vec::new();
    let mut body = whole.into_body();
    while let Some(piece) = body.next().await {
        read.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(read, content);
    let part = client.stream(get.range(400, 799)).await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.into_body().collect().await.unwrap().to_vec(), content[400..800]);

    let missing = client.stream(s3("GetObject", "GET").key("none")).await.unwrap_err();
    assert_eq!((missing.kind(), missing.code()), (ErrorKind::NotFound, Some("NoSuchKey")));
}
