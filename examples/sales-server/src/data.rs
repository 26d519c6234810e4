//! Where the server's data comes from.

use std::{env, error::Error};

use mcp_tools_sales::{Sales, SalesFiles, SalesFormat, SalesStore};

/// Part of the program, so that it runs from any directory.
const SAMPLE: &[u8] = include_bytes!("../data/sales.csv");

/// What `SALES_DATA` names: a file or a folder; `s3://bucket/prefix` with the feature `s3`;
/// `athena://database/table` with the feature `athena`. The sample without it.
///
/// `SALES_FORMAT` names a `sales.toml`, for files that say things in another way.
pub(crate) async fn sales() -> Result<Sales, Box<dyn Error>> {
    let format = match env::var_os("SALES_FORMAT").filter(|path| !path.is_empty()) {
        Some(path) => Some(SalesFormat::open(path)?),
        None => None,
    };
    let Some(data) = env::var_os("SALES_DATA").filter(|data| !data.is_empty()) else {
        let dollars = SalesFormat::default().currency("USD");
        let store = SalesStore::from_reader_as("the sample data", SAMPLE, &dollars)?;
        return Ok(store.into());
    };
    match data.to_str().and_then(|data| Some((data.split_once("://")?.0, data))) {
        Some(("s3", location)) => s3(location, format).await,
        Some(("athena", location)) => athena(location).await,
        _ => Ok(match format {
            Some(format) => SalesFiles::open_as(data, &format)?,
            None => SalesFiles::open(data)?,
        }
        .into()),
    }
}

#[cfg(feature = "s3")]
async fn s3(location: &str, format: Option<SalesFormat>) -> Result<Sales, Box<dyn Error>> {
    let sales = mcp_tools_sales::S3Sales::new(location, &mcp_aws::load_config().await)?;
    let sales = format.into_iter().fold(sales, mcp_tools_sales::S3Sales::format);
    // Lambda starts processes for calls: there the first question loads.
    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        sales.load().await?;
    }
    Ok(sales.into())
}

#[cfg(not(feature = "s3"))]
async fn s3(_location: &str, _format: Option<SalesFormat>) -> Result<Sales, Box<dyn Error>> {
    Err("this program was built without S3: build it with `--features s3`".into())
}

#[cfg(feature = "athena")]
async fn athena(location: &str) -> Result<Sales, Box<dyn Error>> {
    let path = location.trim_start_matches("athena://");
    let (database, table) = path
        .split_once('/')
        .ok_or("SALES_DATA: expected athena://database/table, found no table")?;
    let config = mcp_aws::load_config().await;
    let mut sales = mcp_tools_sales::AthenaSales::new(database, table, &config);
    if let Ok(output) = env::var("SALES_ATHENA_OUTPUT") {
        sales = sales.output(output);
    }
    Ok(sales.into())
}

#[cfg(not(feature = "athena"))]
async fn athena(_location: &str) -> Result<Sales, Box<dyn Error>> {
    Err("this program was built without Athena: build it with `--features athena`".into())
}
