//! Charts that go along with the answers of tools.

use mcp_core::{CallResult, Output, ToolError, ToolErrorKind, ToolResult, WithText, content};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Chart, Theme, png, svg};

/// How clients tell a drawn chart from other resources within an answer.
const URI: &str = "chart://answer.svg";

/// Whether a chart goes along with an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ChartFormat {
    /// No chart.
    #[default]
    None,
    /// An SVG document as an embedded resource: small, and sharp at any size.
    Svg,
    /// A PNG image, which most clients show.
    Png,
}

/// The answer of a tool, and a chart of it where one was asked for.
#[derive(Debug)]
pub struct WithChart<T> {
    answer: WithText<T>,
    chart: Option<(ChartFormat, Vec<u8>)>,
}

impl<T> WithChart<T> {
    /// Draws the chart, which takes milliseconds, on a thread for such work, if it was asked for.
    ///
    /// # Errors
    ///
    /// When the chart cannot be drawn, such as one of too many points; the model is told to do without.
    pub async fn new(
        answer: WithText<T>,
        format: ChartFormat,
        chart: impl FnOnce(&T) -> Chart,
    ) -> ToolResult<Self> {
        if format == ChartFormat::None {
            return Ok(Self { answer, chart: None });
        }
        let chart = chart(&answer.value);
        let draw = move || match format {
            ChartFormat::Png => png(&chart, Theme::Light),
            _ => svg(&chart, Theme::Light).map(String::into_bytes),
        };
        let drawn = tokio::task::spawn_blocking(draw).await?.map_err(|error| {
            let message =
                format!("There is no chart of this: {error}. Ask without `chart`, or for less.");
            ToolError::new(ToolErrorKind::InvalidArguments, message)
        })?;
        Ok(Self { answer, chart: Some((format, drawn)) })
    }
}

impl<T: Serialize + JsonSchema + Send + 'static> Output for WithChart<T> {
    fn schema() -> Option<Map<String, Value>> {
        WithText::<T>::schema()
    }

    fn into_call_result(self) -> Result<CallResult, ToolError> {
        let result = self.answer.into_call_result()?;
        Ok(match self.chart {
            None => result,
            Some((ChartFormat::Png, png)) => result.with_content(content::image(png, "image/png")),
            Some((_, svg)) => {
                let svg = String::from_utf8_lossy(&svg).into_owned();
                result.with_content(content::embedded_text(URI, "image/svg+xml", svg))
            }
        })
    }
}
