use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use mcp_core::{OrToolError as _, ToolErrorKind, ToolResult};
use parquet::{
    data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};

use super::export_sales::ExportFormat;
use crate::{Answer, Measure, Query, Row};

/// So many callers have an export; the one that was made first goes first.
const MOST_EXPORTS: usize = 16;

/// The last export of each caller, in memory.
#[derive(Debug, Default)]
pub(crate) struct Exports(Mutex<VecDeque<(Option<String>, Arc<Export>)>>);

/// A file.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) mime_type: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) columns: Vec<String>,
}

impl Exports {
    pub(crate) fn keep(&self, caller: Option<String>, export: Export) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != caller);
        if kept.len() == MOST_EXPORTS {
            kept.pop_front();
        }
        kept.push_back((caller, Arc::new(export)));
    }

    pub(crate) fn last(&self, caller: &Option<String>) -> Option<Arc<Export>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(known, _)| known == caller).map(|(_, export)| Arc::clone(export))
    }
}

impl Export {
    /// Writes an answer's rows: the period, the names, the measures.
    pub(super) fn write(
        format: ExportFormat,
        query: &Query,
        measures: &[Measure],
        answer: &Answer,
    ) -> ToolResult<Self> {
        let mut columns = Vec::new();
        columns.extend(query.grain.map(|_| "period".to_owned()));
        columns.extend(query.by.iter().map(ToString::to_string));
        columns.extend(measures.iter().map(|measure| measure.as_str().to_owned()));
        const FAILED: &str = "the file could not be written";
        let (mime_type, bytes) = match format {
            ExportFormat::Csv => ("text/csv", csv(&columns, measures, &answer.rows)),
            ExportFormat::Parquet => {
                let bytes = parquet(query, measures, &answer.rows);
                let bytes = bytes.or_tool_error(ToolErrorKind::Internal, FAILED)?;
                ("application/vnd.apache.parquet", bytes)
            }
        };
        Ok(Self { mime_type, bytes, columns })
    }
}

fn csv(columns: &[String], measures: &[Measure], rows: &[Row]) -> Vec<u8> {
    let mut text = columns.join(",") + "\n";
    for row in rows {
        let mut fields: Vec<String> = Vec::with_capacity(columns.len());
        fields.extend(row.period.map(|period| period.to_string()));
        fields.extend(row.names.iter().map(|name| quoted(name)));
        fields.extend(measures.iter().map(|measure| match measure {
            Measure::Revenue => row.totals.revenue.exact(),
            Measure::Units => row.totals.units.to_string(),
            Measure::OrderLines => row.totals.order_lines.to_string(),
        }));
        text += &fields.join(",");
        text.push('\n');
    }
    text.into_bytes()
}

/// A name as RFC 4180 has it. A spreadsheet would take one that begins as a formula for one: an
/// apostrophe before it makes it text again.
fn quoted(name: &str) -> String {
    let name = if name.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{name}")
    } else {
        name.to_owned()
    };
    if name.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name
    }
}

fn parquet(query: &Query, measures: &[Measure], rows: &[Row]) -> Result<Vec<u8>, ParquetError> {
    let mut schema = "message sales {".to_owned();
    if query.grain.is_some() {
        schema += "required int32 period (DATE);";
    }
    for dimension in &query.by {
        schema += &format!("required binary {dimension} (UTF8);");
    }
    for measure in measures {
        schema += &match measure {
            Measure::Revenue => "required int64 revenue (DECIMAL(18,4));".to_owned(),
            other => format!("required int64 {};", other.as_str()),
        };
    }
    schema.push('}');
    let schema = Arc::new(parse_message_type(&schema)?);
    let properties = Arc::new(
        WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build(),
    );
    let mut file = SerializedFileWriter::new(Vec::new(), schema, properties)?;
    let mut group = file.next_row_group()?;
    if query.grain.is_some() {
        let days: Vec<i32> =
            rows.iter().filter_map(|row| row.period).map(crate::Date::epoch_days).collect();
        write::<Int32Type>(&mut group, &days)?;
    }
    for place in 0..query.by.len() {
        let names: Vec<ByteArray> =
            rows.iter().map(|row| ByteArray::from(&*row.names[place])).collect();
        write::<ByteArrayType>(&mut group, &names)?;
    }
    for measure in measures {
        let values: Vec<i64> = rows.iter().map(|row| row.totals.rank(*measure)).collect();
        write::<Int64Type>(&mut group, &values)?;
    }
    group.close()?;
    file.into_inner()
}

fn write<T: parquet::data_type::DataType>(
    group: &mut parquet::file::writer::SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<T>().write_batch(values, None, None)?;
        column.close()?;
    }
    Ok(())
}
