use super::super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{Function, LIST_FUNCTIONS}, metrics::{GET_METRIC_DATA, Metric, Statistic}, scope::{Problem, Scope}};

pub(super) static CHECK: Check = Check {
    id: "lambda_unused_functions",
    service: "lambda",
    finds: "Lambda functions that were not invoked for two weeks. They cost nothing by themselves.",
    apis: &[&LIST_FUNCTIONS, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let functions: Vec<&Function> = scope
        .functions()
        .await?
        .iter()
        .filter(|function| scope.is_old(function.modified_at()))
        .collect();
    let metrics: Vec<Metric<'_>> = functions
        .iter()
        .map(|function| Metric {
            namespace: "AWS/Lambda",
            name: "Invocations",
            statistic: Statistic::Sum,
            dimensions: vec![("FunctionName", &function.function_name)],
        })
        .collect();
    for (function, invocations) in functions.into_iter().zip(scope.measure(&metrics).await?) {
        if invocations.is_some_and(|count| count > 0.0) {
            continue;
        }
        let name = function.function_name.as_str();
        found.add(
            Finding::of_arn(scope, function.function_arn.clone(), "A function that nobody invokes.")
                .name(Some(name))
                .since(scope, function.modified_at())
                .measured("AWS/Lambda Invocations Sum", invocations)
                .confidence(Confidence::Medium)
                .verify("lambda get-function-configuration", &["--function-name", name]),
        );
    }
    Ok(())
}
