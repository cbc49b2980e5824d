//! `GET /api/v1/logs`: log search, newest first, page by page; with pipes, a table of everything that matches.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::record::{Decimal, Log};
use super::render::Stats;
use super::request::{Params, Tenant, parse_time};
use super::trace::json;
use super::value::JsonValue;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::logs::{self, LogTable, TableCell, TableKind};
use binnacle_query::{LogAnswer, LogPage, LogRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What to search for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogParams {
    /// Words, "phrases", `key:value`, ranges, AND, OR, NOT; empty finds every record. Pipes make a table of all that match:
    /// `| count by service`, `| top 10 http.route`, `| pattern`. See query/LANGUAGE.md.
    #[serde(default)]
    #[param(required = false, example = "timeout service:checkout")]
    query: String,
    /// Only records at or after this time: Unix ns, RFC 3339, `now`, or a duration before now such as `-15m`.
    start: Option<String>,
    /// Only records before this time.
    end: Option<String>,
    /// Records of this page: 100 when left out, at most 10,000. Rows of a table: 10,000 when left out.
    limit: Option<usize>,
    /// Where the page before ended, as it said; the other parameters must be the same as then.
    cursor: Option<String>,
}

/// One page of log records.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Logs<'a> {
    /// Newest first.
    pub logs: Vec<Log<'a>>,
    /// Asks for the next page; null when this is the last.
    pub cursor: Option<&'a str>,
    pub stats: Stats,
}

/// What pipes make of all records that match.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogTable)]
pub struct Table<'a> {
    pub columns: Vec<TableColumn<'a>>,
    /// Counts are integers, times Unix ns as decimal strings, values as attributes are; null where a record has none.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    pub rows: Vec<Vec<Cell<'a>>>,
    /// There are more rows than these.
    pub truncated: bool,
    /// Asks for the next rows of `| fields`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<&'a str>,
    pub stats: Stats,
}

/// One column of a table.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogTableColumn)]
pub struct TableColumn<'a> {
    #[schema(example = "service")]
    pub name: &'a str,
    /// `any`, `string`, `int64` or `timestamp`.
    #[serde(rename = "type")]
    #[schema(example = "any")]
    pub kind: &'static str,
}

/// One cell of a table.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Cell<'a> {
    Value(JsonValue<'a>),
    Count(u64),
    Time(Decimal),
}

impl<'a> From<&'a LogTable> for Table<'a> {
    fn from(table: &'a LogTable) -> Self {
        let column = |column: &'a logs::TableColumn| TableColumn {
            name: &column.name,
            kind: match column.kind {
                TableKind::Any => "any",
                TableKind::Text => "string",
                TableKind::Count => "int64",
                TableKind::Time => "timestamp",
            },
        };
        let cell = |cell: &'a TableCell| match cell {
            TableCell::Value(value) => Cell::Value(JsonValue(value)),
            TableCell::Count(count) => Cell::Count(*count),
            TableCell::Time(time) => Cell::Time(Decimal(*time)),
        };
        Table {
            columns: table.columns.iter().map(column).collect(),
            rows: table.rows.iter().map(|row| row.iter().map(cell).collect()).collect(),
            truncated: table.truncated,
            cursor: table.cursor.as_deref(),
            stats: Stats::from(&table.stats),
        }
    }
}

/// What a search is answered with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum LogsOrTable<'a> {
    Logs(Logs<'a>),
    /// When the query has pipes.
    Table(Table<'a>),
}

impl<'a> From<&'a LogPage> for Logs<'a> {
    fn from(page: &'a LogPage) -> Self {
        Logs {
            logs: page.logs.iter().map(Log::from).collect(),
            cursor: page.cursor.as_deref(),
            stats: Stats::from(&page.stats),
        }
    }
}

/// Searches log records, newest first; with pipes in the query, makes a table of all that match.
#[utoipa::path(get, path = "/api/v1/logs", tag = "query",
    params(LogParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "One page of records, or a table when the query has pipes", body = LogsOrTable),
        (status = 400, description = "Not a query, a time or a cursor", body = ErrorBody),
        (status = 422, description = "The query needs more memory than it may have", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn logs(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<LogParams>,
) -> Result<Response, ApiError> {
    let product = api.ready_product()?;
    let now = api.now();
    let time = |name, text: Option<String>| text.map(|t| parse_time(name, &t, now)).transpose();
    let request = LogRequest {
        query: params.query,
        start: time("start", params.start)?,
        end: time("end", params.end)?,
        limit: params.limit,
        cursor: params.cursor,
    };
    let answer = product.engine.search_logs(&tenant, request).await?;
    json(move || match &answer {
        LogAnswer::Page(page) => serde_json::to_vec(&LogsOrTable::Logs(Logs::from(page))),
        LogAnswer::Table(table) => serde_json::to_vec(&LogsOrTable::Table(Table::from(table))),
    })
    .await
}
