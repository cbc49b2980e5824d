//! The real binary on free loopback ports with a temporary data directory, and the questions put to it.

use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A dev build on a busy two-core machine.
const START_MAX: Duration = Duration::from_secs(60);

/// One server process; killed when dropped.
pub struct Server {
    directory: TempDir,
    process: Option<Child>,
    ports: [u16; 3],
    http: reqwest::blocking::Client,
}

impl Server {
    pub fn start() -> Server {
        let mut server = Server {
            directory: TempDir::new().unwrap(),
            process: None,
            ports: free_ports(),
            http: reqwest::blocking::Client::new(),
        };
        server.spawn();
        server
    }

    fn spawn(&mut self) {
        let [api, otlp_http, otlp_grpc] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        let child = Command::new(binary())
            .args(["serve", "--api", &api, "--otlp-http", &otlp_http, "--otlp-grpc", &otlp_grpc])
            .args(["--set", "storage.flush_interval=1h", "--log-level", "warn", "--data"])
            .arg(self.directory.path().join("data"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {}: {error}", binary().display()));
        self.process = Some(child);
        let deadline = Instant::now() + START_MAX;
        while !self.http.get(self.api("/readyz")).send().is_ok_and(|a| a.status().is_success()) {
            assert!(Instant::now() < deadline, "the server is not ready after {START_MAX:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `kill -9`, then a start on the same data.
    pub fn crash(&mut self) {
        self.kill();
        self.spawn();
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn otlp_http(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[1])
    }

    pub fn otlp_grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[2])
    }

    fn api(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[0])
    }

    /// `flush` or `compact`, done when it returns.
    pub fn admin(&self, job: &str) {
        let url = self.api(&format!("/api/v1/admin/{job}"));
        let answer = self.http.post(url).timeout(START_MAX).send().unwrap();
        assert!(answer.status().is_success(), "{job}: {}", answer.text().unwrap());
    }

    pub fn trace(&self, tenant: &str, id: &str) -> Value {
        let url = self.api(&format!("/api/v1/traces/{id}"));
        self.answer(self.http.get(url), tenant)
    }

    /// Rows as objects by column name.
    pub fn sql(&self, tenant: &str, query: &str) -> Vec<Value> {
        let request = self.http.post(self.api("/api/v1/sql")).json(&json!({ "query": query }));
        let answer = self.answer(request, tenant);
        let names: Vec<&str> =
            list(&answer["columns"]).iter().map(|c| c["name"].as_str().unwrap()).collect();
        let object = |row: &Value| {
            let cells = names.iter().zip(list(row));
            Value::Object(cells.map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect())
        };
        list(&answer["rows"]).iter().map(object).collect()
    }

    /// Takes a body in, as `content_type`.
    pub fn ingest(&self, tenant: &str, url: &str, headers: &[(&str, &str)], body: Vec<u8>) {
        let request = self.http.post(url).header("X-Scope-OrgID", tenant).timeout(START_MAX);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.body(body).send().unwrap();
        let (status, text) = (answer.status(), answer.text().unwrap());
        assert!(status.is_success(), "{status}: {text}");
    }

    /// Where Prometheus's API is.
    pub fn prometheus(&self, path: &str) -> String {
        self.api(&format!("/prometheus/api/v1/{path}"))
    }

    /// The answer of Prometheus's API to a form, good or bad.
    pub fn ask_prometheus(&self, tenant: &str, path: &str, form: &str) -> Value {
        let request = self.http.post(self.prometheus(path)).header("X-Scope-OrgID", tenant);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let answer = request.body(form.to_owned()).timeout(START_MAX).send().unwrap();
        serde_json::from_str(&answer.text().unwrap()).unwrap()
    }

    fn answer(&self, request: reqwest::blocking::RequestBuilder, tenant: &str) -> Value {
        let answer = request.header("X-Scope-OrgID", tenant).timeout(START_MAX).send().unwrap();
        let (status, text) = (answer.status(), answer.text().unwrap());
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

/// `$BINNACLE_BIN`, else the one Cargo built for these tests.
fn binary() -> PathBuf {
    match std::env::var_os("BINNACLE_BIN") {
        Some(path) => path.into(),
        None => env!("CARGO_BIN_EXE_binnacle").into(),
    }
}

/// Ports nobody listens on at this moment; all held until all are found, so that they differ.
fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
