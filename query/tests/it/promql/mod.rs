//! Prometheus's own test scripts, over series in memory.

mod answer;
mod expect;
mod load;
pub mod script;
mod starts;

use binnacle_query::promql::annotation::Level;
use binnacle_query::promql::memory::Memory;
use binnacle_query::promql::{Answer, Request, Settings, Times, run};
use script::{Command, Eval};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// As Prometheus's own runner sets them.
const SETTINGS: Settings = Settings {
    lookback: Duration::from_secs(300),
    subquery_step: Duration::from_secs(60),
    bytes_max: 1 << 30,
    threads: 2,
    delayed_names: true,
    experimental: true,
    timeout: Duration::from_secs(60),
};

/// Evaluations of a script that passed, and what is wrong with the others.
#[derive(Debug, Default)]
struct Report {
    passed: usize,
    failed: Vec<String>,
}

fn ask(memory: &Memory, query: &str, times: Times) -> Result<Answer, String> {
    let request = Request { query: query.to_owned(), times, settings: SETTINGS };
    let answer = futures::executor::block_on(run(memory, &request, Arc::new(|| false)));
    answer.map_err(|failure| failure.to_string())
}

/// Why an evaluation is not what the script expects.
fn check(memory: &Memory, eval: &Eval) -> Result<(), String> {
    let answer = ask(memory, &eval.query, eval.times);
    if let Some(done) = eval.expect.failure(&answer)? {
        return Ok(done);
    }
    let answer = answer.map_err(|error| format!("failed: {error}"))?;
    let texts = |level| answer.annotations.texts(level, &eval.query, 0);
    eval.expect.annotations(&texts(Level::Warning), &texts(Level::Info))?;
    answer::check(eval, &answer::Series::of(&answer.value, eval.times))?;
    if !eval.may_ask_as_range() {
        return Ok(());
    }
    // The same in the middle of a range query.
    let at = eval.times.start;
    let times = Times { start: at - 60_000, end: at + 60_000, step: 60_000 };
    let answer =
        ask(memory, &eval.query, times).map_err(|error| format!("failed as range: {error}"))?;
    let middle = answer::Series::of(&answer.value, times).at(at);
    answer::check(eval, &middle).map_err(|reason| format!("as range: {reason}"))
}

fn run_script(path: &Path) -> Report {
    let text = std::fs::read_to_string(path).unwrap();
    let mut memory = Memory::default();
    let mut report = Report::default();
    for (line, command) in script::parse(&text).unwrap() {
        match command {
            Command::Clear => memory = Memory::default(),
            Command::Load(load) => {
                for (labels, points) in load::load_series(&load) {
                    points.into_iter().for_each(|(time, point)| memory.put(&labels, time, point));
                }
            }
            Command::Eval(eval) => match check(&memory, &eval) {
                Ok(()) => report.passed += 1,
                Err(reason) => {
                    let name = path.file_name().unwrap().to_string_lossy();
                    report.failed.push(format!("{name}:{line}: {}\n    {reason}", eval.query));
                }
            },
        }
    }
    report
}

fn run_scripts(directory: &Path) {
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    paths.sort();
    assert!(!paths.is_empty());
    let mut failed = Vec::new();
    for path in paths {
        let report = run_script(&path);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        println!("{name}: {} passed, {} failed", report.passed, report.failed.len());
        failed.extend(report.failed);
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

fn testdata(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(directory)
}

#[test]
fn the_scripts_of_prometheus_pass() {
    match std::env::var_os("PROMQL_SCRIPTS") {
        Some(directory) => run_scripts(Path::new(&directory)),
        None => run_scripts(&testdata("promql")),
    }
}

#[test]
fn our_own_scripts_pass() {
    run_scripts(&testdata("own"));
}
