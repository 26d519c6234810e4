use mcp_aws::{List, service};
use serde::Deserialize;

use super::super::{check::{Api, Check, Found}, finding::{Confidence, Finding}, inventory::{time}, scope::{Problem, Scope}};

const DESCRIBE_DB_SNAPSHOTS: Api =
    Api::new(&service::RDS, "DescribeDBSnapshots", "rds:DescribeDBSnapshots");

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DbSnapshots {
    #[serde(default, rename = "DBSnapshots")]
    snapshots: List<DbSnapshot>,
    marker: Option<String>,
}

impl mcp_aws::Page for DbSnapshots {
    const TOKEN: &'static str = "Marker";

    fn next_token(&mut self) -> Option<String> {
        self.marker.take()
    }
}

#[derive(Deserialize)]
struct DbSnapshot {
    #[serde(rename = "DBSnapshotIdentifier")]
    id: String,
    #[serde(rename = "DBSnapshotArn")]
    arn: String,
    #[serde(rename = "DBInstanceIdentifier")]
    database: String,
    #[serde(rename = "SnapshotType")]
    kind: Option<String>,
    #[serde(rename = "AllocatedStorage", default)]
    storage: u32,
    #[serde(rename = "SnapshotCreateTime")]
    created: Option<String>,
}

pub(super) static CHECK: Check = Check {
    id: "rds_old_manual_snapshots",
    service: "rds",
    finds: "Old manual snapshots of databases; they stay until someone deletes them.",
    apis: &[&DESCRIBE_DB_SNAPSHOTS],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = DESCRIBE_DB_SNAPSHOTS
        .request(&[])
        .with("SnapshotType", "manual")
        .with("MaxRecords", 100);
    let pages: Vec<DbSnapshots> = scope.pages(&DESCRIBE_DB_SNAPSHOTS, request).await?;
    for snapshot in pages.into_iter().flat_map(|page| page.snapshots) {
        let created = time(snapshot.created.as_deref());
        if !scope.is_old(created) || snapshot.kind.as_deref().is_some_and(|kind| kind != "manual") {
            continue;
        }
        let rates = scope.rates();
        found.add(
            Finding::of_arn(
                scope,
                snapshot.arn,
                format!("A manual snapshot of the database {}.", snapshot.database),
            )
            .name(Some(&snapshot.id))
            .since(scope, created)
            .now("AllocatedStorage", format!("{} GB", snapshot.storage))
            .saves(rates.at_most(&rates.rds.snapshot, snapshot.storage, scope.region()))
            .confidence(Confidence::Low)
            .verify("rds describe-db-snapshots", &["--db-snapshot-identifier", &snapshot.id]),
        );
    }
    Ok(())
}
