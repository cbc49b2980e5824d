//! `binnacle gate`: ask a running server whether a candidate may be promoted, and say so by the exit code.

use super::http;
use super::{Failure, print, runtime};
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Exit codes beside 0 for promote, 1 for failures and clap's 2 for the command line.
const EXIT_ROLL_BACK: u8 = 3;
const EXIT_HOLD: u8 = 4;

/// Time between two looks while waiting: a slice of an SLO.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
pub struct GateArgs {
    /// The SLO whose events decide
    slo: String,
    /// An attribute of the events' resource and its value, as service.version:2.1
    #[arg(long, value_name = "ATTRIBUTE:VALUE")]
    candidate: String,
    /// The same of the baseline; events with any other value of the candidate's attribute when left out
    #[arg(long, value_name = "ATTRIBUTE:VALUE")]
    baseline: Option<String>,
    /// Which of the SLO's objectives, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    objective: usize,
    /// Since when both run: Unix nanoseconds, RFC 3339, or such as -30m, which means from the first look on
    #[arg(long, default_value = "-1h", allow_hyphen_values = true)]
    start: String,
    /// How often a verdict may be wrong
    #[arg(long, default_value_t = 0.05)]
    alpha: f64,
    /// Share of bad events by which the candidate may be worse, as 0.001; the SLO's error budget when left out
    #[arg(long)]
    margin: Option<f64>,
    /// Look again until it is certain, but no longer than this, as 30m
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    wait: Option<Duration>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    /// Where the server's API is
    #[arg(long, value_name = "URL", env = "BINNACLE_URL", default_value = "http://127.0.0.1:7070")]
    url: String,
    /// Whose SLO
    #[arg(long, value_name = "TENANT", env = "BINNACLE_TENANT")]
    tenant: Option<String>,
}

/// Asks, prints, and answers by the exit code.
pub fn gate(args: &GateArgs) -> ExitCode {
    match decide(args) {
        Ok(verdict) => match verdict.as_str() {
            "promote" => ExitCode::SUCCESS,
            "roll_back" => ExitCode::from(EXIT_ROLL_BACK),
            _ => ExitCode::from(EXIT_HOLD),
        },
        Err(Failure(message)) => {
            eprintln!("binnacle gate: {message}");
            ExitCode::FAILURE
        }
    }
}

fn decide(args: &GateArgs) -> Result<String, Failure> {
    let until = Instant::now() + args.wait.unwrap_or_default();
    let mut start = args.start.clone();
    loop {
        let answer = ask(args, &start)?;
        let verdict = answer["verdict"].as_str().unwrap_or_default().to_owned();
        let is_last = verdict != "hold" || Instant::now() + LOOK_INTERVAL > until;
        let text = if args.json { format!("{answer}\n") } else { line(&answer) };
        if is_last || !args.json {
            print(text.as_bytes())?;
        }
        if is_last {
            return Ok(verdict);
        }
        // A start that moved along would look at other events each time.
        if let Some(first) = answer["start"].as_str() {
            start = first.to_owned();
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}

fn ask(args: &GateArgs, start: &str) -> Result<Value, Failure> {
    let mut request = json!({
        "candidate": args.candidate,
        "objective": args.objective,
        "start": start,
        "alpha": args.alpha,
    });
    if let Some(baseline) = &args.baseline {
        request["baseline"] = json!(baseline);
    }
    if let Some(margin) = args.margin {
        request["margin"] = json!(margin);
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if args.slo.is_empty() || !args.slo.bytes().all(is_plain) {
        return Err(Failure(format!("'{}' is no name of an SLO", args.slo)));
    }
    let url = http::api_url(&args.url, &format!("/api/v1/slos/{}/gate", args.slo))?;
    let tenant = args.tenant.as_deref();
    runtime()?.block_on(async {
        super::slo::read(http::post(&url, tenant, request.to_string()).await?).await
    })
}

/// The verdict, why, and what it is made of.
fn line(answer: &Value) -> String {
    let arm = |name: &str| {
        let arm = &answer[name];
        let share = arm["error_ratio"].as_f64();
        let share = share.map_or("-".to_owned(), |share| format!("{:.4} %", share * 100.0));
        format!("{} bad of {} ({share})", arm["bad"], arm["total"])
    };
    format!(
        "{}: {}; candidate {}, baseline {}\n",
        answer["verdict"].as_str().unwrap_or_default().replace('_', " "),
        answer["reason"].as_str().unwrap_or_default(),
        arm("candidate"),
        arm("baseline"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_a_line() {
        let answer = json!({
            "verdict": "roll_back", "reason": "it is worse",
            "candidate": {"bad": 9, "total": 100, "error_ratio": 0.09},
            "baseline": {"bad": 0, "total": 0, "error_ratio": null},
        });
        let expected =
            "roll back: it is worse; candidate 9 bad of 100 (9.0000 %), baseline 0 bad of 0 (-)\n";
        assert_eq!(line(&answer), expected);
    }
}
