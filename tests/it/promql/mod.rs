//! Prometheus's own test scripts over HTTP: series in by remote write, and again by OTLP, answers out of its API.

#[allow(dead_code, reason = "shared with the query crate's tests, which use all of it")]
#[path = "../../../query/tests/it/promql/answer.rs"]
mod answer;
#[path = "../../../query/tests/it/promql/expect.rs"]
mod expect;
#[path = "../../../query/tests/it/promql/load.rs"]
mod load;
mod otlp;
mod reply;
#[allow(dead_code, reason = "shared with the query crate's tests, which use all of it")]
#[path = "../../../query/tests/it/promql/script.rs"]
mod script;
mod write;

use crate::server::Server;
use binnacle_query::promql::describe::Point;
use binnacle_query::promql::labels::Labels;
use load::{Points, load_series};
use script::{Command, Eval};
use std::path::Path;

/// How floats are sent. OTLP has no histograms with float counts, so those are remote-written either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    RemoteWrite,
    Otlp,
}

fn send(server: &Server, tenant: &str, series: &[(Labels, Points)], way: Way) {
    let (mut by_otlp, mut written) = (Vec::new(), Vec::new());
    for (labels, points) in series {
        let is_float = |point: &Point| matches!(point, Point::Float(_));
        if way == Way::Otlp && points.values().all(is_float) {
            by_otlp.push((labels, points));
        } else {
            written.push((labels, points));
        }
    }
    if !by_otlp.is_empty() {
        let url = format!("{}/v1/metrics", server.otlp_http());
        let json = [("Content-Type", "application/json")];
        server.ingest(tenant, &url, &json, otlp::request(&by_otlp));
    }
    if !written.is_empty() {
        let headers = [("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy")];
        server.ingest(tenant, &server.prometheus("write"), &headers, write::request(&written));
    }
}

fn ask(server: &Server, tenant: &str, eval: &Eval) -> serde_json::Value {
    let query: String = eval.query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
    let times = eval.times;
    if times.step == 0 {
        let form = format!("query={query}&time={}", seconds(times.start));
        return server.ask_prometheus(tenant, "query", &form);
    }
    let (start, end, step) = (seconds(times.start), seconds(times.end), seconds(times.step));
    let form = format!("query={query}&start={start}&end={end}&step={step}");
    server.ask_prometheus(tenant, "query_range", &form)
}

fn check(server: &Server, tenant: &str, eval: &Eval) -> Result<(), String> {
    let reply = ask(server, tenant, eval);
    let error = reply["error"].as_str().map(str::to_owned);
    let outcome = error.map_or(Ok(()), Err);
    if let Some(done) = eval.expect.failure(&outcome)? {
        return Ok(done);
    }
    outcome.map_err(|error| format!("failed: {error}"))?;
    let texts = |name: &str| {
        let list = reply[name].as_array().into_iter().flatten();
        list.filter_map(|text| text.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    eval.expect.annotations(&texts("warnings"), &texts("infos"))?;
    reply::check(eval, &reply["data"])
}

fn run_script(server: &Server, path: &Path, way: Way) -> (usize, Vec<String>) {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let (mut passed, mut failed, mut cleared) = (0, Vec::new(), 0);
    for (line, command) in script::parse(&std::fs::read_to_string(path).unwrap()).unwrap() {
        let tenant = format!("{name}-{way:?}-{cleared}");
        match command {
            Command::Clear => cleared += 1,
            Command::Load(load) => send(server, &tenant, &load_series(&load), way),
            Command::Eval(eval) => match check(server, &tenant, &eval) {
                Ok(()) => passed += 1,
                Err(reason) => failed.push(format!("{name}:{line}: {}\n    {reason}", eval.query)),
            },
        }
    }
    (passed, failed)
}

fn run_scripts(way: Way) {
    let directory = match std::env::var_os("PROMQL_SCRIPTS") {
        Some(directory) => directory.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("query/testdata/promql"),
    };
    let entries = std::fs::read_dir(directory).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
    paths.sort();
    let server = Server::start();
    let mut failed = Vec::new();
    for path in &paths {
        let (passed, wrong) = run_script(&server, path, way);
        println!("{}: {passed} passed, {} failed", path.display(), wrong.len());
        failed.extend(wrong);
    }
    assert!(!paths.is_empty());
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn the_scripts_of_prometheus_pass_over_remote_write() {
    run_scripts(Way::RemoteWrite);
}

#[test]
fn the_scripts_of_prometheus_pass_over_otlp() {
    run_scripts(Way::Otlp);
}
