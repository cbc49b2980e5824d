//! `binnacle tail`: prints what arrives, until it is interrupted.

use super::{Failure, http, print, refusal};
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::process::ExitCode;

#[derive(Args, Debug)]
pub struct TailArgs {
    /// What to watch
    #[arg(value_enum, default_value_t = What::Logs)]
    what: What,
    /// For logs the log search language, for spans a TraceQL condition such as '{ status = error }'; everything when left out
    #[arg(default_value = "")]
    query: String,
    /// Where the server's API is
    #[arg(long, value_name = "URL", env = "BINNACLE_URL", default_value = "http://127.0.0.1:7070")]
    url: String,
    /// Whose data to watch
    #[arg(long, value_name = "TENANT", env = "BINNACLE_TENANT")]
    tenant: Option<String>,
    /// How to print what arrives
    #[arg(long, value_enum, default_value_t = TailFormat::Text)]
    format: TailFormat,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Logs,
    Spans,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum TailFormat {
    /// A line for people
    Text,
    /// One JSON object a line, everything that was stored
    Json,
}

/// Watches and prints.
pub fn tail(args: TailArgs) -> ExitCode {
    match watch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            eprintln!("binnacle tail: {message}");
            ExitCode::FAILURE
        }
    }
}

fn watch(args: &TailArgs) -> Result<(), Failure> {
    let path = match args.what {
        What::Logs => "/api/v1/logs/tail",
        What::Spans => "/api/v1/spans/tail",
    };
    let query: String = url_encoded(&args.query);
    let url = http::api_url(&args.url, &format!("{path}?query={query}"))?;
    super::runtime()?.block_on(async {
        let mut answer = http::get(&url, args.tenant.as_deref()).await?;
        if !answer.is_success() {
            let status = answer.status();
            return Err(Failure(refusal(&args.query, status, &answer.collect().await?)));
        }
        let mut events = Events::default();
        while let Some(part) = answer.next().await? {
            for (name, data) in events.take(&part) {
                show(args.format, &name, &data)?;
            }
        }
        Err(Failure("the server ended the tail".to_owned()))
    })
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Events that have arrived in part.
#[derive(Debug, Default)]
struct Events {
    pending: Vec<u8>,
}

impl Events {
    /// The events that `part` completes: name and data.
    fn take(&mut self, part: &[u8]) -> Vec<(String, String)> {
        self.pending.extend_from_slice(part);
        let Some(end) = self.pending.windows(2).rposition(|pair| pair == b"\n\n") else {
            return Vec::new();
        };
        let whole: Vec<u8> = self.pending.drain(..end + 2).collect();
        String::from_utf8_lossy(&whole).split("\n\n").filter_map(event).collect()
    }
}

fn event(text: &str) -> Option<(String, String)> {
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    Some((field("event")?.to_owned(), field("data")?.to_owned()))
}

fn show(format: TailFormat, name: &str, data: &str) -> Result<(), Failure> {
    let value: Value = serde_json::from_str(data).unwrap_or_default();
    match name {
        "notice" => eprintln!("binnacle tail: {}", text(&value["message"])),
        "error" => return Err(Failure(text(&value["error"]["message"]))),
        _ if format == TailFormat::Json => print(format!("{data}\n").as_bytes())?,
        "span" => print(span_line(&value).as_bytes())?,
        _ => print(log_line(&value).as_bytes())?,
    }
    Ok(())
}

fn log_line(log: &Value) -> String {
    let severity = text(&log["severity"]);
    format!(
        "{} {severity:<5} {} {}\n",
        time(&log["time"]),
        text(&log["service"]),
        text(&log["body"])
    )
}

fn span_line(span: &Value) -> String {
    let nanos: f64 = text(&span["duration"]).parse().unwrap_or_default();
    format!(
        "{} {:<5} {} {} {:.3}ms trace={}\n",
        time(&span["start_time"]),
        text(&span["status"]["code"]),
        text(&span["service"]),
        text(&span["name"]),
        nanos / 1e6,
        text(&span["trace_id"])
    )
}

fn time(nanos: &Value) -> String {
    let nanos: i64 = text(nanos).parse().unwrap_or_default();
    chrono::DateTime::from_timestamp_nanos(nanos).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A string as it is without what would move a terminal's cursor, anything else as JSON.
fn text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_from_parts() {
        let mut events = Events::default();
        assert!(events.take(b": open\n\nevent: log\nda").len() <= 1);
        let found = events.take(b"ta: {\"a\":1}\n\nevent: notice\ndata: {}\n\nevent");
        assert_eq!(found, [("log".into(), "{\"a\":1}".into()), ("notice".into(), "{}".into())]);
    }

    #[test]
    fn rows_are_one_line_each() {
        let log = serde_json::json!({
            "time": "1700000000000000000", "severity": "INFO", "service": "cart", "body": "a\u{1b}[2Jb\nc"
        });
        assert_eq!(log_line(&log), "2023-11-14T22:13:20.000Z INFO  cart a [2Jb c\n");
        let span = serde_json::json!({
            "start_time": "0", "duration": "1500000", "status": {"code": "error"}, "service": "cart",
            "name": "GET /", "trace_id": "ab"
        });
        assert_eq!(
            span_line(&span),
            "1970-01-01T00:00:00.000Z error cart GET / 1.500ms trace=ab\n"
        );
    }

    #[test]
    fn queries_survive_the_url() {
        assert_eq!(url_encoded("{ a=\"ä\" }"), "%7B%20%61%3D%22%C3%A4%22%20%7D");
    }
}
