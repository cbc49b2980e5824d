//! `binnacle rules backtest`: what rules would have done over what a running server has stored.

use super::{Failure, http, print, refusal, table};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args, Debug)]
pub struct BacktestArgs {
    /// Rule files, by the paths the server has them by, as these say when groups are evaluated; the rules in use when left out
    files: Vec<PathBuf>,
    /// Where to begin: a duration before now such as -7days, RFC 3339, or Unix nanoseconds
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start: String,
    /// Where to end
    #[arg(long, value_name = "TIME", default_value = "now", allow_hyphen_values = true)]
    end: String,
    /// Only groups of this name; may be repeated
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// Where the server's API is
    #[arg(long, value_name = "URL", env = "BINNACLE_URL", default_value = "http://127.0.0.1:7070")]
    url: String,
    /// Whose telemetry to judge
    #[arg(long, value_name = "TENANT", env = "BINNACLE_TENANT")]
    tenant: Option<String>,
    /// How to print the transitions
    #[arg(long, value_enum, default_value_t = BacktestFormat::Table)]
    format: BacktestFormat,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum BacktestFormat {
    /// Aligned columns, times as dates
    Table,
    /// The server's answers as they are, one a line
    Json,
}

/// Asks and prints.
pub fn backtest(args: &BacktestArgs) -> ExitCode {
    match ask(args) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(Failure(message)) => {
            eprintln!("binnacle rules backtest: {message}");
            ExitCode::FAILURE
        }
    }
}

/// How many rules could not be evaluated.
fn ask(args: &BacktestArgs) -> Result<usize, Failure> {
    let url = http::api_url(&args.url, "/api/v1/rules/backtest")?;
    let requests = match args.files.is_empty() {
        true => vec![request(args)],
        false => args.files.iter().map(|file| of_file(args, file)).collect::<Result<_, _>>()?,
    };
    super::runtime()?.block_on(async {
        let mut groups = Vec::new();
        for request in requests {
            let answer = http::post(&url, args.tenant.as_deref(), request.to_string()).await?;
            let (is_success, status) = (answer.is_success(), answer.status());
            let body = answer.collect().await?;
            if !is_success {
                return Err(Failure(refusal("", status, &body)));
            }
            if args.format == BacktestFormat::Json {
                print(&body)?;
                print(b"\n")?;
            }
            let answer: Value = serde_json::from_slice(&body)
                .map_err(|error| Failure(format!("the server's answer is not JSON: {error}")))?;
            groups.extend(answer["groups"].as_array().cloned().unwrap_or_default());
        }
        if args.format == BacktestFormat::Table {
            print(table::render(&transitions(&groups)).as_bytes())?;
        }
        let errors = errors(&groups);
        errors.iter().for_each(|error| eprintln!("binnacle rules backtest: {error}"));
        Ok(errors.len())
    })
}

fn request(args: &BacktestArgs) -> Value {
    let mut request = json!({ "start": args.start, "end": args.end });
    if !args.groups.is_empty() {
        request["groups"] = args.groups.clone().into();
    }
    request
}

fn of_file(args: &BacktestArgs, file: &Path) -> Result<Value, Failure> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure(format!("failed to read {name}: {error}")))?;
    let mut request = request(args);
    request["rules"] = text.into();
    request["file"] = name.into();
    Ok(request)
}

/// The transitions of all groups in order of time, as a table has them.
fn transitions(groups: &[Value]) -> Value {
    let list = |of: &Value, name: &str| of[name].as_array().cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for group in groups {
        for change in list(group, "transitions") {
            let time = change["time"].as_str().and_then(|time| time.parse::<i64>().ok());
            let labels = change["labels"].to_string();
            let row = json!([
                change["time"],
                group["name"],
                change["rule"],
                change["from"],
                change["to"],
                change["value"],
                labels
            ]);
            rows.push((time, row));
        }
    }
    rows.sort_by_key(|(time, _)| *time);
    let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
    let column = |(name, kind): (&str, &str)| json!({ "name": name, "type": kind });
    let text = ["group", "rule", "from", "to"].map(|name| (name, "string"));
    let columns: Vec<Value> = [("time", "timestamp")]
        .into_iter()
        .chain(text)
        .chain([("value", "float64"), ("labels", "string")])
        .map(column)
        .collect();
    json!({ "columns": columns, "rows": rows })
}

/// What could not be evaluated, in words.
fn errors(groups: &[Value]) -> Vec<String> {
    let of_group = |group: &Value| -> Vec<String> {
        let all = group["errors"].as_array().into_iter().flatten();
        let words = |error: &Value| {
            let text = |of: &Value| of.as_str().unwrap_or("").to_owned();
            format!(
                "group {:?}, rule {:?} failed in {} of {} evaluations: {}",
                text(&group["name"]),
                text(&error["rule"]),
                error["evaluations"],
                group["evaluations"],
                text(&error["error"])
            )
        };
        all.map(words).collect()
    };
    groups.iter().flat_map(of_group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transitions_of_all_groups_are_in_order_of_time_and_errors_in_words() {
        let change = |time: &str, rule: &str| json!({"time": time, "rule": rule, "labels": {"a": "b"}, "value": 1.5, "from": "inactive", "to": "firing"});
        let groups = [
            json!({"name": "g", "evaluations": 9, "transitions": [change("3000000000", "A")],
                "errors": [{"rule": "B", "error": "no such column", "evaluations": 2}]}),
            json!({"name": "h", "evaluations": 9, "transitions": [change("1000000000", "C")], "errors": []}),
        ];
        let shown = table::render(&transitions(&groups));
        let lines: Vec<&str> = shown.lines().collect();
        assert!(
            lines[2].starts_with("1970-01-01T00:00:01Z  h      C     inactive  firing"),
            "{shown}"
        );
        assert!(lines[3].ends_with(r#"1.5  {"a":"b"}"#), "{shown}");
        let said = "group \"g\", rule \"B\" failed in 2 of 9 evaluations: no such column";
        assert_eq!(errors(&groups), [said]);
    }
}
