//! `binnacle load`: the command line of the load generator, and where its reports go.

use anyhow::Context;
use binnacle_load::{Ended, File, FileRequest, Plan, Protocol, Settings};
use clap::{Args, ValueEnum};
use http::HeaderValue;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

/// Exit codes beside 0: what was asked cannot be run, is wrong, or ran and did not hold.
const EXIT_FAILED: u8 = 1;
const EXIT_USAGE: u8 = 2;
const EXIT_THRESHOLD: u8 = 3;
const EXIT_STOPPED: u8 = 130;

/// What is said once of them all, for the help.
pub const HELP: &str = "Examples:\n  \
    binnacle load http://127.0.0.1:8080/products --rate 200 --duration 30s\n  \
    binnacle load 'http://127.0.0.1:8080/products/{1..60}' --stage 10s:0..500 --stage 1m:500 --threshold 'p99<250ms'\n  \
    binnacle load --plan shop.toml --html report.html --register http://127.0.0.1:7070 --otlp http://127.0.0.1:4318\n  \
    binnacle load http://127.0.0.1:50051/shop.v1.Catalog/List --protocol grpc --body @list.bin\n\n\
    Requests begin when they are due, whether or not earlier ones have been answered, and their latency counts from then:\n\
    a server that stalls is charged for what should have begun meanwhile. {1..60} in a path or body is a number drawn anew.\n\
    Every request carries a traceparent. A status from 400 on is a failure.\n\n\
    Thresholds: p50 to p100, min, mean, max, behind (a time); errors (a number, or % of all); rate, requests.\n\
    p99{GET /cart}<80ms is of one operation.\n\n\
    A plan is a file of TOML:\n  \
    target = \"http://127.0.0.1:8080\"\n  \
    stages = [\"10s:0..200\", \"1m:200\"]\n  \
    thresholds = [\"errors<1%\"]\n  \
    headers = { x-api-key = \"…\" }\n  \
    [[requests]]\n  \
    path = \"/products/{1..60}\"\n  \
    weight = 3\n  \
    [[requests]]\n  \
    path = \"/cart\"\n  \
    body = '{\"product\": {1..60}}'\n\n\
    Exit codes: 0 all thresholds hold, 3 one does not, 130 stopped by Ctrl-C, 1 it could not be run, 2 wrong usage.";

#[derive(Args, Debug)]
pub struct LoadArgs {
    /// What to ask for; its path and query may hold numbers to be drawn, as {1..60}
    #[arg(required_unless_present = "plan")]
    url: Option<String>,
    /// Read requests, stages and thresholds from this TOML file; flags come on top
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    plan: Option<PathBuf>,
    /// Ask this server, rather than the plan's target
    #[arg(long, value_name = "URL", requires = "plan")]
    target: Option<String>,
    /// Requests that begin each second [default: 50]
    #[arg(long, value_name = "RATE", conflicts_with = "stages")]
    rate: Option<f64>,
    /// For how long [default: 30s]
    #[arg(long, value_name = "TIME", conflicts_with = "stages")]
    duration: Option<String>,
    /// A stage, such as 30s:200, or 10s:0..200 for a ramp; several follow each other
    #[arg(long = "stage", value_name = "TIME:RATE")]
    stages: Vec<String>,
    /// http1, http2 (without TLS by prior knowledge) or grpc (unary; the body is a message's bytes)
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<ProtocolArg>,
    /// The method [default: GET, or POST with a body]
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// A header of every request, as 'Name: value'; may be repeated
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// The body, or @FILE
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// How long an answer is waited for [default: 30s]
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// Requests that may be under way at one time; more wait, and are late by it
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    under_way: usize,
    /// Connections of HTTP/2; HTTP/1.1 has one for each request under way
    #[arg(long, value_name = "NUMBER", default_value_t = 4)]
    connections: usize,
    /// Trust the certificates of this PEM file too
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// What must hold, such as 'p99<250ms' or 'errors<1%'; may be repeated
    #[arg(long = "threshold", value_name = "THRESHOLD")]
    thresholds: Vec<String>,
    /// What the run is called [default: its first request]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A label of the run, as name=value; may be repeated
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Which version is tested
    #[arg(long, value_name = "VERSION")]
    version_tested: Option<String>,
    /// Write the report as JSON to this file, which POST /api/v1/runs takes too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as an HTML page to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Register the run at this server, and tell it how it goes: http://127.0.0.1:7070
    #[arg(long, value_name = "URL")]
    register: Option<String>,
    /// Send a span of each request to this OTLP/HTTP endpoint: http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// The service that those spans are of
    #[arg(long, value_name = "NAME", default_value = "binnacle-load")]
    otlp_service: String,
    /// Whose data the run and the spans are
    #[arg(long, value_name = "TENANT", env = "BINNACLE_TENANT")]
    tenant: Option<String>,
    /// Print only the sum
    #[arg(long)]
    quiet: bool,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum ProtocolArg {
    Http1,
    Http2,
    Grpc,
}

impl From<ProtocolArg> for Protocol {
    fn from(protocol: ProtocolArg) -> Protocol {
        match protocol {
            ProtocolArg::Http1 => Protocol::Http1,
            ProtocolArg::Http2 => Protocol::Http2,
            ProtocolArg::Grpc => Protocol::Grpc,
        }
    }
}

/// Runs the test that `args` describe.
pub fn load(args: &LoadArgs) -> ExitCode {
    let (plan, settings) = match args.plan().and_then(|plan| Ok((plan, args.settings()?))) {
        Ok(made) => made,
        Err(error) => {
            eprintln!("binnacle: {error:#}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match run(args, plan, &settings) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("binnacle: {error:#}");
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn run(args: &LoadArgs, plan: Plan, settings: &Settings) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("failed to start the threads that send")?;
    let (stop, mut live) = (CancellationToken::new(), Live::new(args.quiet));
    let ended = runtime.block_on(async {
        let stopped = stop.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stopped.cancel();
            }
            // Whoever asks twice does not wait for answers.
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(i32::from(EXIT_STOPPED));
            }
        });
        binnacle_load::run(plan, settings, stop.clone(), |line| live.show(line)).await
    });
    live.end();
    runtime.shutdown_background();
    report(args, &ended?)
}

fn report(args: &LoadArgs, ended: &Ended) -> anyhow::Result<ExitCode> {
    let run = &ended.run;
    // A reader that went away is no failure.
    let _ = std::io::stdout().write_all(binnacle_load::summary(run).as_bytes());
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(run).context("failed to write the report")?;
        write(path, &text)?;
    }
    if let Some(path) = &args.html {
        write(path, &binnacle_load::render_html(run))?;
    }
    if let (Some(api), Some(id)) = (&args.register, &ended.registered) {
        let _ = writeln!(
            std::io::stdout(),
            "  registered: {}/api/v1/runs/{id}",
            api.trim_end_matches('/')
        );
    }
    if let Some(error) = &ended.register_failed {
        anyhow::bail!("the run could not be registered to its end: {error}");
    }
    Ok(match (run.is_aborted(), run.passed) {
        (true, _) => ExitCode::from(EXIT_STOPPED),
        (_, Some(false)) => ExitCode::from(EXIT_THRESHOLD),
        _ => ExitCode::SUCCESS,
    })
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}

/// Lines that take each other's place on a terminal, and follow each other elsewhere.
#[derive(Debug)]
struct Live {
    is_quiet: bool,
    is_terminal: bool,
}

impl Live {
    fn new(is_quiet: bool) -> Live {
        Live { is_quiet, is_terminal: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, line: &str) {
        let mut out = std::io::stderr();
        let _ = match (self.is_quiet, self.is_terminal) {
            (true, _) => Ok(()),
            (false, true) => write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush()),
            (false, false) => writeln!(out, "{line}"),
        };
    }

    fn end(&mut self) {
        if self.is_terminal && !self.is_quiet {
            let _ = writeln!(std::io::stderr());
        }
    }
}

impl LoadArgs {
    fn plan(&self) -> anyhow::Result<Plan> {
        let mut file = match (&self.plan, &self.url) {
            (Some(path), _) => File::read(path)?,
            (None, url) => self.of_url(url.as_deref().unwrap_or_default())?,
        };
        if let Some(target) = &self.target {
            file.target.clone_from(target);
        }
        if !self.stages.is_empty() {
            file.stages.clone_from(&self.stages);
        } else if file.stages.is_empty() || self.rate.is_some() || self.duration.is_some() {
            let duration = self.duration.as_deref().unwrap_or("30s");
            file.stages = vec![format!("{duration}:{}", self.rate.unwrap_or(50.0))];
        }
        if let Some(protocol) = self.protocol {
            file.protocol = protocol.into();
        }
        for header in &self.headers {
            let (name, value) = header
                .split_once(':')
                .with_context(|| format!("'{header}' is no header; write 'Name: value'"))?;
            file.headers.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        for label in &self.labels {
            let (name, value) = label
                .split_once('=')
                .with_context(|| format!("'{label}' is no label; write name=value"))?;
            file.labels.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        file.thresholds.extend(self.thresholds.iter().cloned());
        file.name = self.name.clone().or(file.name);
        file.timeout = self.timeout.clone().or(file.timeout);
        file.version = self.version_tested.clone().or(file.version);
        Ok(Plan::new(file)?)
    }

    /// A plan of one request.
    fn of_url(&self, url: &str) -> anyhow::Result<File> {
        let (scheme, rest) =
            url.split_once("://").with_context(|| format!("'{url}' is no URL; write http://…"))?;
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(at);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let (body, body_file) = match &self.body {
            Some(text) => match text.strip_prefix('@') {
                Some(path) => (None, Some(PathBuf::from(path))),
                None => (Some(text.clone()), None),
            },
            None => (None, None),
        };
        let method = self.method.clone();
        let request = FileRequest { method, path, body, body_file, ..FileRequest::default() };
        let target = format!("{scheme}://{host}");
        Ok(File { target, requests: vec![request], ..File::default() })
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let tenant = self.tenant.as_deref().map(HeaderValue::from_str).transpose();
        Ok(Settings {
            under_way_max: self.under_way,
            connections: self.connections,
            authority: self.ca.clone(),
            otlp: self.otlp.clone(),
            service: self.otlp_service.clone(),
            register: self.register.clone(),
            tenant: tenant.context("--tenant is no name of a tenant")?,
        })
    }
}
