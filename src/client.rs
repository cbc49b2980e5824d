//! `binnacle sql`, `binnacle tail` and `binnacle rules backtest`: ask a running server over HTTP and print the answer.

mod backtest;
mod explained;
mod gate;
mod http;
mod slo;
mod table;
mod tail;

pub use backtest::{BacktestArgs, backtest};
pub use gate::{GateArgs, gate};
pub use slo::{SloArgs, slo};
pub use tail::{TailArgs, tail};

use clap::{Args, ValueEnum};
use serde_json::Value;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

#[derive(Args, Debug)]
pub struct SqlArgs {
    /// The query; read from standard input when left out or `-`
    query: Option<String>,
    /// Where the server's API is
    #[arg(long, value_name = "URL", env = "BINNACLE_URL", default_value = "http://127.0.0.1:7070")]
    url: String,
    /// Whose data to ask for
    #[arg(long, value_name = "TENANT", env = "BINNACLE_TENANT")]
    tenant: Option<String>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    format: OutputFormat,
    /// Most rows to return
    #[arg(long, value_name = "ROWS")]
    limit: Option<u64>,
    /// Longest time to take, such as 10s
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum OutputFormat {
    /// Aligned columns, times as dates
    Table,
    /// The server's answer as it is
    Json,
    /// RFC 4180, all rows
    Csv,
}

/// Why there is no answer, as the user reads it.
#[derive(Debug)]
pub struct Failure(pub String);

/// Asks and prints.
pub fn sql(args: SqlArgs) -> ExitCode {
    let query = match read_query(args.query.clone()) {
        Ok(query) => query,
        Err(Failure(message)) => {
            eprintln!("binnacle sql: {message}");
            return ExitCode::from(2);
        }
    };
    match ask(&args, &query) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            eprintln!("binnacle sql: {message}");
            ExitCode::FAILURE
        }
    }
}

fn read_query(argument: Option<String>) -> Result<String, Failure> {
    let query = match argument {
        Some(query) if query != "-" => query,
        _ => {
            let mut query = String::new();
            let mut input = std::io::stdin();
            if input.is_terminal() {
                eprintln!("binnacle sql: reading the query from standard input, end with Ctrl-D");
            }
            let read = input.read_to_string(&mut query);
            read.map_err(|error| Failure(format!("failed to read standard input: {error}")))?;
            query
        }
    };
    if query.trim().is_empty() {
        return Err(Failure("there is no query; give one as argument or on standard input".into()));
    }
    Ok(query)
}

fn ask(args: &SqlArgs, query: &str) -> Result<(), Failure> {
    let format = if args.format == OutputFormat::Csv { "csv" } else { "json" };
    let mut request = serde_json::json!({"query": query, "format": format});
    if let Some(limit) = args.limit {
        request["row_limit"] = limit.into();
    }
    if let Some(timeout) = &args.timeout {
        request["timeout"] = timeout.as_str().into();
    }
    let url = http::api_url(&args.url, "/api/v1/sql")?;
    let tenant = args.tenant.as_deref();
    runtime()?.block_on(async {
        let mut answer = http::post(&url, tenant, request.to_string()).await?;
        if !answer.is_success() {
            let status = answer.status();
            let body = answer.collect().await?;
            return Err(Failure(refusal(query, status, &body)));
        }
        if args.format != OutputFormat::Table {
            while let Some(part) = answer.next().await? {
                print(&part)?;
            }
            return Ok(());
        }
        let body = answer.collect().await?;
        let answer: Value = serde_json::from_slice(&body)
            .map_err(|error| Failure(format!("the server's answer is not JSON: {error}")))?;
        print(table::render(&answer).as_bytes())?;
        match answer.get("error") {
            Some(error) => Err(Failure(explain(query, error))),
            None => Ok(()),
        }
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure(format!("failed to start: {error}")))
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    match std::io::stdout().write_all(bytes) {
        // A reader that went away (`| head`) wants no more.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => result.map_err(|error| Failure(format!("failed to print: {error}"))),
    }
}

/// An answer that is not a success, in words.
fn refusal(query: &str, status: u16, body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    match parsed.as_ref().and_then(|body| body.get("error")) {
        Some(error) => explain(query, error),
        None => format!("the server answered {status}; is this the API's address?"),
    }
}

/// The error's sentence, the place in the query with a caret below it, and the hint.
fn explain(query: &str, error: &Value) -> String {
    let mut text = error["message"].as_str().unwrap_or("the query failed").to_owned();
    let place = |name: &str| error["position"][name].as_u64().and_then(|n| usize::try_from(n).ok());
    if let (Some(line), Some(column)) = (place("line"), place("column"))
        && let Some(source) = query.lines().nth(line.saturating_sub(1))
    {
        let indent: String = source
            .chars()
            .take(column.saturating_sub(1))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        text.push_str(&format!("\n  {source}\n  {indent}^"));
    }
    if let Some(hint) = error["hint"].as_str() {
        text.push_str(&format!("\nhint: {hint}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_points_into_the_query() {
        let error = serde_json::json!({
            "message": "no column 'nam'", "hint": "did you mean 'name'?",
            "position": {"line": 2, "column": 3}
        });
        let text = explain("SELECT\n  nam\nFROM spans", &error);
        assert_eq!(text, "no column 'nam'\n    nam\n    ^\nhint: did you mean 'name'?");
    }

    #[test]
    fn other_answers_are_explained_too() {
        assert!(refusal("", 404, b"<html>").contains("404"));
        let body = br#"{"error":{"code":"x","message":"starting","hint":null}}"#;
        assert_eq!(refusal("", 503, body), "starting");
    }
}
