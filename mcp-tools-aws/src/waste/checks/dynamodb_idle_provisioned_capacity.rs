use mcp_aws::service;
use serde::Deserialize;

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    metrics::{GET_METRIC_DATA, Metric, Statistic, WINDOW_DAYS},
    scope::{Problem, Scope, epoch},
};
use crate::aws::page;

/// A tenth: less is idle.
const USED: f64 = 0.1;
/// A unit is one a second.
#[expect(clippy::cast_precision_loss, reason = "a few days")]
const WINDOW_SECONDS: f64 = (WINDOW_DAYS * 86_400) as f64;

const LIST_TABLES: Api = Api::new(&service::DYNAMODB, "ListTables", "dynamodb:ListTables");
const DESCRIBE_TABLE: Api = Api::new(&service::DYNAMODB, "DescribeTable", "dynamodb:DescribeTable");

page!(
    Tables { table_names: Vec<String> },
    "PascalCase",
    "ExclusiveStartTableName",
    last_evaluated_table_name
);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    table: Table,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Table {
    table_name: String,
    table_arn: String,
    creation_date_time: Option<f64>,
    billing_mode_summary: Option<BillingMode>,
    #[serde(default)]
    provisioned_throughput: Throughput,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BillingMode {
    billing_mode: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Throughput {
    read_capacity_units: u32,
    write_capacity_units: u32,
}

impl Table {
    /// On-demand tables say so; provisioned ones need not.
    fn is_provisioned(&self) -> bool {
        let mode = self.billing_mode_summary.as_ref().and_then(|mode| mode.billing_mode.as_deref());
        mode.is_none_or(|mode| mode == "PROVISIONED")
            && self.provisioned_throughput.read_capacity_units > 0
    }
}

pub(super) static CHECK: Check = Check {
    id: "dynamodb_idle_provisioned_capacity",
    service: "dynamodb",
    finds: "DynamoDB tables with provisioned capacity of which less than a tenth was used in two weeks; on demand they would cost what is used.",
    apis: &[&LIST_TABLES, &DESCRIBE_TABLE, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = LIST_TABLES.request(&[]).with("Limit", 100);
    let pages: Vec<Tables> = scope.pages(&LIST_TABLES, request).await?;
    let names: Vec<String> = pages.into_iter().flat_map(|page| page.table_names).collect();
    let described = scope
        .each(names, |name: String| async move {
            let request = DESCRIBE_TABLE.request(&[]).with("TableName", name.as_str());
            scope.call::<Described>(&DESCRIBE_TABLE, request).await
        })
        .await;
    let mut tables = Vec::new();
    for (_, described) in described {
        match described {
            Ok(described) => tables.push(described.table),
            Err(problem) => found.problem(problem),
        }
    }
    tables.retain(|table| table.is_provisioned() && scope.is_old(epoch(table.creation_date_time)));
    let metrics: Vec<Metric<'_>> = tables
        .iter()
        .flat_map(|table| {
            ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"].map(|name| Metric {
                namespace: "AWS/DynamoDB",
                name,
                statistic: Statistic::Sum,
                dimensions: vec![("TableName", table.table_name.as_str())],
            })
        })
        .collect();
    let measured = scope.measure(&metrics).await?;
    for (table, consumed) in tables.iter().zip(measured.chunks_exact(2)) {
        let units = &table.provisioned_throughput;
        let share = |consumed: Option<f64>, units: u32| {
            consumed.unwrap_or(0.0) / (f64::from(units.max(1)) * WINDOW_SECONDS)
        };
        let (reads, writes) = (units.read_capacity_units, units.write_capacity_units);
        if share(consumed[0], reads) >= USED || share(consumed[1], writes) >= USED {
            continue;
        }
        let (rates, name) = (scope.rates(), table.table_name.as_str());
        let saving = rates.hourly(&rates.dynamodb.read_unit, reads.into(), scope.region())
            + rates.hourly(&rates.dynamodb.write_unit, writes.into(), scope.region());
        found.add(
            Finding::of_arn(
                scope,
                table.table_arn.clone(),
                format!(
                    "{reads} read and {writes} write units are provisioned, and hardly any is used."
                ),
            )
            .name(Some(name))
            .since(scope, epoch(table.creation_date_time))
            .measured("AWS/DynamoDB ConsumedReadCapacityUnits Sum", consumed[0])
            .measured("AWS/DynamoDB ConsumedWriteCapacityUnits Sum", consumed[1])
            .saves(saving)
            .confidence(Confidence::Medium)
            .verify("dynamodb describe-table", &["--table-name", name]),
        );
    }
    Ok(())
}
