//! `binnacle slo …`: check, store, list and explain SLOs of a running server, and go through time past with them.

use super::explained;
use super::http::{self, Answer};
use super::{Failure, print, runtime};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args, Debug)]
pub struct SloArgs {
    /// Where the server's API is
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "BINNACLE_URL",
        default_value = "http://127.0.0.1:7070"
    )]
    url: String,
    /// Whose SLOs
    #[arg(long, global = true, value_name = "TENANT", env = "BINNACLE_TENANT")]
    tenant: Option<String>,
    #[command(subcommand)]
    command: SloCommand,
}

#[derive(Subcommand, Debug)]
enum SloCommand {
    /// Say everything that is wrong with a file of SLOs
    Check { file: PathBuf },
    /// Store the SLOs of a file
    Apply { file: PathBuf },
    /// Print how all SLOs stand
    List,
    /// Print what spent an SLO's error budget
    Explain {
        name: String,
        /// From when: Unix nanoseconds, RFC 3339, or such as -6h
        #[arg(long, default_value = "-1h", allow_hyphen_values = true)]
        start: String,
        /// Until when
        #[arg(long, default_value = "now", allow_hyphen_values = true)]
        end: String,
        /// Its place among the SLO's objectives
        #[arg(long, default_value_t = 0)]
        objective: usize,
        /// The server's answer as it is
        #[arg(long)]
        json: bool,
    },
    /// Print what the alerts of a file's SLOs would have done
    Backtest {
        file: PathBuf,
        /// From when: Unix nanoseconds, RFC 3339, or such as -7d
        #[arg(long, default_value = "-7d", allow_hyphen_values = true)]
        start: String,
        /// Until when
        #[arg(long, default_value = "now", allow_hyphen_values = true)]
        end: String,
    },
}

/// Asks and prints. 1: refused or failed.
pub fn slo(args: &SloArgs) -> ExitCode {
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            eprintln!("binnacle slo: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &SloArgs) -> Result<(), Failure> {
    match &args.command {
        SloCommand::Check { file } => {
            let answer = send(args, "/api/v1/slos/check", file)?;
            print(format!("good: {}\n", names(&answer)).as_bytes())
        }
        SloCommand::Apply { file } => {
            let answer = send(args, "/api/v1/slos", file)?;
            print(format!("stored: {}\n", names(&answer)).as_bytes())
        }
        SloCommand::List => {
            let answer = ask(args, "/api/v1/slos")?;
            print(list(&answer).as_bytes())
        }
        SloCommand::Explain { name, start, end, objective, json } => {
            let path = format!(
                "/api/v1/slos/{}/explain?start={}&end={}&objective={objective}",
                encoded(name),
                encoded(start),
                encoded(end)
            );
            let answer = ask(args, &path)?;
            let text = if *json { format!("{answer:#}\n") } else { explained::text(&answer) };
            print(text.as_bytes())
        }
        SloCommand::Backtest { file, start, end } => {
            let path =
                format!("/api/v1/slos/backtest?start={}&end={}", encoded(start), encoded(end));
            print(backtest(&send(args, &path, file)?).as_bytes())
        }
    }
}

/// As a value of a query string.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

fn ask(args: &SloArgs, path: &str) -> Result<Value, Failure> {
    let url = http::api_url(&args.url, path)?;
    runtime()?.block_on(async { read(http::get(&url, args.tenant.as_deref()).await?).await })
}

fn send(args: &SloArgs, path: &str, file: &PathBuf) -> Result<Value, Failure> {
    let failed =
        |error: std::io::Error| Failure(format!("failed to read {}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(failed)?;
    let url = http::api_url(&args.url, path)?;
    runtime()?.block_on(async { read(http::post(&url, args.tenant.as_deref(), text).await?).await })
}

pub(super) async fn read(answer: Answer) -> Result<Value, Failure> {
    let is_success = answer.is_success();
    let body = answer.collect().await?;
    let value: Value = serde_json::from_slice(&body)
        .map_err(|error| Failure(format!("the server's answer is not JSON: {error}")))?;
    match (is_success, value["error"]["message"].as_str()) {
        (true, _) => Ok(value),
        (false, Some(message)) => Err(Failure(message.to_owned())),
        (false, None) => Err(Failure("the server refused without saying why".into())),
    }
}

fn names(answer: &Value) -> String {
    let names = answer["names"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// A line per objective.
fn list(answer: &Value) -> String {
    let mut lines = String::new();
    for slo in answer["slos"].as_array().into_iter().flatten() {
        for objective in slo["objectives"].as_array().into_iter().flatten() {
            let status = &objective["status"];
            let percent = |value: &Value| {
                value.as_f64().map_or("-".to_owned(), |value| format!("{:.3}%", value * 100.0))
            };
            let alerts = objective["alerts"].as_array().into_iter().flatten();
            let firing = alerts.filter(|alert| alert["level"] == "firing").count();
            lines += &format!(
                "{}  target {}  is {}  budget left {}  {}  {firing} firing\n",
                slo["name"].as_str().unwrap_or_default(),
                objective["target"].as_str().unwrap_or_default(),
                percent(&status["sli"]),
                percent(&status["budget"]["remaining"]),
                status["state"].as_str().unwrap_or("not evaluated yet"),
            );
        }
    }
    lines
}

/// A line per transition.
fn backtest(answer: &Value) -> String {
    let mut lines = String::new();
    for slo in answer["slos"].as_array().into_iter().flatten() {
        for objective in slo["objectives"].as_array().into_iter().flatten() {
            let name = slo["name"].as_str().unwrap_or_default();
            let target = objective["target"].as_str().unwrap_or_default();
            let transitions = objective["transitions"].as_array().map_or(&[][..], Vec::as_slice);
            lines += &format!("{name}  target {target}: {} transitions\n", transitions.len());
            for transition in transitions {
                let text = |key: &str| transition[key].as_str().unwrap_or_default();
                let seconds = text("until").parse::<i64>().unwrap_or(0) / 1_000_000_000;
                let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
                let time = time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                let windows = match text("long_window") {
                    "" => String::new(),
                    long => format!(" {long}/{}", text("short_window")),
                };
                lines += &format!(
                    "  {time}  {} {}{windows}  {}\n",
                    text("severity"),
                    text("kind"),
                    text("level")
                );
            }
        }
    }
    lines
}
