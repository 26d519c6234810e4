use mcp_aws::{List, service};
use serde::Deserialize;

use super::super::{check::{Api, Check, Found}, finding::{Confidence, Finding}, inventory::{time}, metrics::{GET_METRIC_DATA, Metric, Statistic}, scope::{Problem, Scope}};

const DESCRIBE_DB_INSTANCES: Api =
    Api::new(&service::RDS, "DescribeDBInstances", "rds:DescribeDBInstances");

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DbInstances {
    #[serde(default, rename = "DBInstances")]
    instances: List<DbInstance>,
    marker: Option<String>,
}

impl mcp_aws::Page for DbInstances {
    const TOKEN: &'static str = "Marker";

    fn next_token(&mut self) -> Option<String> {
        self.marker.take()
    }
}

#[derive(Deserialize)]
struct DbInstance {
    #[serde(rename = "DBInstanceIdentifier")]
    id: String,
    #[serde(rename = "DBInstanceArn")]
    arn: String,
    #[serde(rename = "DBInstanceClass")]
    class: String,
    #[serde(rename = "DBInstanceStatus")]
    status: String,
    #[serde(rename = "Engine")]
    engine: String,
    #[serde(rename = "AllocatedStorage", default)]
    storage: u32,
    #[serde(rename = "MultiAZ", default)]
    multi_az: bool,
    #[serde(rename = "InstanceCreateTime")]
    created: Option<String>,
}

pub(super) static CHECK: Check = Check {
    id: "rds_idle_instances",
    service: "rds",
    finds: "Database instances that nobody has connected to for two weeks.",
    apis: &[&DESCRIBE_DB_INSTANCES, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = DESCRIBE_DB_INSTANCES.request(&[]).with("MaxRecords", 100);
    let pages: Vec<DbInstances> = scope.pages(&DESCRIBE_DB_INSTANCES, request).await?;
    let databases: Vec<DbInstance> = pages
        .into_iter()
        .flat_map(|page| page.instances)
        .filter(|database| database.status == "available")
        .filter(|database| scope.is_old(time(database.created.as_deref())))
        .collect();
    let metrics: Vec<Metric<'_>> = databases
        .iter()
        .map(|database| Metric {
            namespace: "AWS/RDS",
            name: "DatabaseConnections",
            statistic: Statistic::Maximum,
            dimensions: vec![("DBInstanceIdentifier", &database.id)],
        })
        .collect();
    for (database, connections) in databases.iter().zip(scope.measure(&metrics).await?) {
        // One without data is not judged: RDS always tells.
        if connections.is_none_or(|count| count > 0.0) {
            continue;
        }
        let rates = scope.rates();
        let copies = if database.multi_az { 2 } else { 1 };
        let storage = rates.monthly(
            &rates.rds.storage,
            (database.storage * copies).into(),
            scope.region(),
        );
        let machine = rates.database(&database.class, copies, scope.region());
        found.add(
            Finding::of_arn(
                scope,
                database.arn.clone(),
                format!("A {} ({}) that nobody connects to.", database.class, database.engine),
            )
            .name(Some(&database.id))
            .since(scope, time(database.created.as_deref()))
            .measured("AWS/RDS DatabaseConnections Maximum", connections)
            .saves(machine.map_or(storage.clone(), |machine| machine + storage))
            .confidence(Confidence::Medium)
            .verify("rds describe-db-instances", &["--db-instance-identifier", &database.id]),
        );
    }
    Ok(())
}
