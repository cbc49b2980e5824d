//! Rendering: the rows of an answer as JSON, CSV, Arrow IPC stream or Parquet, a batch at a time.
//!
//! Nothing is collected: a batch is rendered when the client has taken the one before, off the async threads. When the
//! client goes, the body is dropped, with it the rows, and with them the query.

mod arrow_stream;
mod cell;
mod csv;
mod json;
mod parquet;

use super::error::ApiError;
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use axum::body::Body;
use binnacle_query::{RecordBatches, SqlAnswer, StatsSnapshot};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use std::io;
use tracing::warn;

pub use json::{Column, Stats};

/// Writes one answer in one format. A renderer that cannot go on says why; the transfer is then aborted.
pub trait Renderer: Send + 'static {
    fn start(&mut self, schema: &Schema) -> Result<Bytes, String>;
    fn batch(&mut self, batch: &RecordBatch) -> Result<Bytes, String>;
    fn finish(&mut self, stats: &StatsSnapshot) -> Result<Bytes, String>;
    /// The end of an answer whose query failed after its head was sent. `None`: the format cannot say it, so the
    /// transfer is aborted, which every client notices.
    fn fail(&mut self, _error: &ApiError) -> Option<Bytes> {
        None
    }
}

/// The formats of `POST /api/v1/sql`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Json,
    Csv,
    Arrow,
    Parquet,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Arrow => "application/vnd.apache.arrow.stream",
            Format::Parquet => "application/vnd.apache.parquet",
        }
    }

    fn renderer(self) -> Box<dyn Renderer> {
        match self {
            Format::Json => Box::new(json::JsonRenderer::default()),
            Format::Csv => Box::new(csv::CsvRenderer),
            Format::Arrow => Box::new(arrow_stream::ArrowRenderer::default()),
            Format::Parquet => Box::new(parquet::ParquetRenderer::default()),
        }
    }
}

/// The body of an answer. Its first rows are rendered before it is begun, so that nearly every failure still gets a
/// status of its own.
pub async fn body(answer: SqlAnswer, format: Format) -> Result<Body, ApiError> {
    let SqlAnswer { schema, batches, stats } = answer;
    let mut batches: RecordBatches = batches.fuse().boxed();
    let mut renderer = format.renderer();
    let mut head = vec![renderer.start(&schema).map_err(failed)?];
    if let Some(batch) = batches.next().await {
        let (back, rendered) = render(renderer, batch?).await?;
        renderer = back;
        head.push(rendered?);
    }
    let rest = stream::unfold(Some((renderer, batches)), move |state| {
        let stats = stats.clone();
        async move {
            let (renderer, mut batches) = state?;
            match next(renderer, &mut batches).await {
                Next::Bytes(renderer, bytes) => Some((Ok(bytes), Some((renderer, batches)))),
                Next::Failed(renderer, error) => Some((end_failed(renderer, error), None)),
                Next::Ended(mut renderer) => {
                    let end = renderer.finish(&stats.snapshot());
                    Some((end.map_err(io::Error::other), None))
                }
            }
        }
    });
    let head = stream::iter(head.into_iter().map(Ok::<Bytes, io::Error>));
    // Compression asks once more after the end.
    Ok(Body::from_stream(head.chain(rest).fuse()))
}

/// What follows in an answer.
enum Next {
    Bytes(Box<dyn Renderer>, Bytes),
    Ended(Box<dyn Renderer>),
    Failed(Option<Box<dyn Renderer>>, ApiError),
}

async fn next(renderer: Box<dyn Renderer>, batches: &mut RecordBatches) -> Next {
    match batches.next().await {
        None => Next::Ended(renderer),
        Some(Err(error)) => Next::Failed(Some(renderer), error.into()),
        Some(Ok(batch)) => match render(renderer, batch).await {
            Ok((renderer, Ok(bytes))) => Next::Bytes(renderer, bytes),
            Ok((renderer, Err(error))) => Next::Failed(Some(renderer), error),
            Err(error) => Next::Failed(None, error),
        },
    }
}

/// Renders one batch on a thread for blocking work. The outer error is a lost renderer.
async fn render(
    mut renderer: Box<dyn Renderer>,
    batch: RecordBatch,
) -> Result<(Box<dyn Renderer>, Result<Bytes, ApiError>), ApiError> {
    let work = tokio::task::spawn_blocking(move || {
        let rendered = renderer.batch(&batch).map_err(failed);
        (renderer, rendered)
    });
    work.await.map_err(|error| failed(error.to_string()))
}

fn end_failed(renderer: Option<Box<dyn Renderer>>, error: ApiError) -> io::Result<Bytes> {
    warn!(error = error.message, "an answer ended early");
    let said = renderer.and_then(|mut renderer| renderer.fail(&error));
    said.ok_or_else(|| io::Error::other(error.message))
}

fn failed(message: String) -> ApiError {
    let message = format!("failed to write the answer: {message}");
    ApiError::new(http::StatusCode::INTERNAL_SERVER_ERROR, "execution_error", message)
}
