//! `binnacle demo`: the server, and beside it the shop, which it watches. The only part of the product that knows the shop.
//!
//! What watches the shop is written to `demo/` in the data directory and read from there as anybody's own files: SLOs,
//! rules, and whom to tell. Every start writes them anew.

use crate::config::Config;
use anyhow::Context;
use binnacle_shop::faults::{Fault, Faults, Plan};
use binnacle_shop::history::{History, Sent};
use binnacle_shop::{Pager, Settings, Shop};
use clap::Args;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// What `binnacle demo` takes beside the configuration.
#[derive(Args, Debug, Clone)]
pub struct DemoArgs {
    /// Break something: NAME, or NAME,after=30s,for=5m; may be repeated (see `binnacle demo --help`)
    #[arg(long = "fault", value_name = "FAULT", value_parser = read_plan)]
    faults: Vec<Plan>,
    /// Visits to the shop that begin each second
    #[arg(long, value_name = "RATE", default_value_t = 3.0)]
    visits: f64,
    /// How much time past is made up at the first start, so that budgets and graphs are full; 0s for none
    #[arg(long, value_name = "TIME", default_value = "30days", value_parser = read_duration)]
    history: Duration,
    /// Leave out the incident that the first start begins with (nor is there one with --fault, or without history)
    #[arg(long)]
    no_incident: bool,
    /// The port of loopback where the shop takes requests of load tests; any that is free, if left out
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    shop_port: u16,
}

impl DemoArgs {
    /// Whether a first start begins with an incident: not when it was said what is to break.
    fn has_incident(&self) -> bool {
        !self.no_incident && self.faults.is_empty()
    }
}

fn read_plan(text: &str) -> Result<Plan, String> {
    Plan::read(text, read_duration)
}

fn read_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("'{text}' is no time: {error}"))
}

/// Every fault with what it breaks, for the help.
pub fn faults_help() -> String {
    let lines = Fault::ALL.map(|fault| format!("  {:<20} {}\n", fault.name(), fault.about()));
    format!(
        "Faults:\n{}\nCtrl-C stops both in order. Faults can also be started and ended while it runs: \
         POST /api/v1/demo/faults.",
        lines.concat()
    )
}

/// What goes on when the shop first opens, so that there is something to find; it ends by itself.
const INCIDENT: Plan =
    Plan { fault: Fault::BadCanary, after: Duration::ZERO, lasts: Some(Duration::from_secs(300)) };

/// So long the rest of the history waits for the incident's alert and what explains it: both would want the whole machine.
const INCIDENT_HEAD: Duration = Duration::from_secs(30);

/// The shop beside a server, before it starts.
#[derive(Debug)]
pub struct Demo {
    args: DemoArgs,
    pager: Pager,
    faults: Faults,
}

/// Where the server listens.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    pub otlp_grpc: SocketAddr,
    pub otlp_http: SocketAddr,
    pub api: SocketAddr,
}

impl Demo {
    /// Writes what watches the shop, and has `config` read it unless it names others.
    pub fn prepare(args: DemoArgs, config: &mut Config) -> anyhow::Result<Demo> {
        let pager = Pager::bind().context("failed to listen on loopback")?;
        let directory = config.storage.path.join("demo");
        let slos = directory.join("slos");
        let notify = binnacle_shop::NOTIFY.replace("PAGER", &pager.url());
        write(&slos, "shop.yaml", binnacle_shop::SLOS)?;
        write(&directory, "rules.yml", binnacle_shop::RULES)?;
        write(&directory, "notify.yml", &notify)?;
        config.telemetry.enabled = true;
        let alerting = &mut config.alerting;
        alerting.rule_files.push(directory.join("rules.yml").display().to_string());
        if alerting.slos.as_os_str().is_empty() {
            alerting.slos = slos;
        }
        if alerting.notify_file.as_os_str().is_empty() {
            alerting.notify_file = directory.join("notify.yml");
        }
        Ok(Demo { args, pager, faults: Faults::default() })
    }

    /// What is broken, for the API.
    pub fn faults(&self) -> DemoFaults {
        DemoFaults(self.faults.clone())
    }

    /// The time before now, which is sent once for each data directory. One that was broken off is begun again: what is
    /// there already is recognised.
    fn begin_history(&self, settings: &Settings) -> anyhow::Result<Option<History>> {
        if self.args.history.is_zero() || settings.directory.join(MARKER).exists() {
            return Ok(None);
        }
        let history = History::new(&settings.otlp, self.args.history, self.args.has_incident())?;
        Ok(Some(history))
    }

    /// Runs the shop until `stop`, and then to its end.
    pub async fn run(
        self,
        directory: &Path,
        addresses: Addresses,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let settings = Settings {
            otlp: format!("http://{}", addresses.otlp_grpc),
            directory: directory.join("demo"),
            visits_per_second: self.args.visits,
            port: self.args.shop_port,
        };
        let mut history = self.begin_history(&settings)?;
        let paged = tokio::spawn(self.pager.serve(print, stop.clone()));
        if let Some(history) = &mut history {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                sent = history.send_latest() => sent?,
            }
        }
        let has_incident = history.is_some() && self.args.has_incident();
        if has_incident {
            self.faults.plan(INCIDENT);
        }
        let shop = Shop::start(&settings, &self.faults).await?;
        for plan in &self.args.faults {
            info!(fault = plan.fault.name(), after = ?plan.after, lasts = ?plan.lasts, "planned a fault");
            self.faults.plan(*plan);
        }
        print(&format!("the shop is open: http://{}/", addresses.api));
        print(&format!(
            "load it: binnacle load 'http://{}/api/products/{{1..{}}}' --header 'X-API-Key: {}' --rate 50 \
             --otlp http://{} --register http://{}",
            shop.entrance(),
            binnacle_shop::PRODUCTS,
            binnacle_shop::LOAD_KEY,
            addresses.otlp_http,
            addresses.api
        ));
        if has_incident {
            print(&format!(
                "something is wrong in the shop, and an alert will say what: http://{}/alerts (it ends by itself in 5 minutes)",
                addresses.api
            ));
        }
        let head = if has_incident { INCIDENT_HEAD } else { Duration::ZERO };
        let made = match history {
            Some(history) => tokio::select! {
                () = stop.cancelled() => Ok(()),
                made = finish_history(&settings, history, self.args.history, head) => made,
            },
            None => Ok(()),
        };
        if made.is_ok() {
            stop.cancelled().await;
        }
        shop.stop().await;
        info!("the shop is closed");
        made?;
        paged.await.context("the pager ended abnormally")?.context("the pager failed")
    }
}

/// Where it stands that history was made.
const MARKER: &str = "history";

/// Sends what was before the last minutes after `head`, and notes that history was made.
async fn finish_history(
    settings: &Settings,
    history: History,
    lasts: Duration,
    head: Duration,
) -> anyhow::Result<()> {
    tokio::time::sleep(head).await;
    let (began, told) = (Instant::now(), AtomicU64::new(0));
    print(&format!("making {:.1} days of history", lasts.as_secs_f64() / 86_400.0));
    let progress = |percent: u64| {
        if percent >= told.load(Ordering::Relaxed) + 10 {
            told.store(percent, Ordering::Relaxed);
            print(&format!("history: {percent} %"));
        }
    };
    let sent = history.send_earlier(progress).await?;
    let Sent { spans, logs, points } = sent;
    let elapsed = began.elapsed().as_secs_f64();
    print(&format!("history: {spans} spans, {logs} logs, {points} points in {elapsed:.1} s"));
    write(&settings.directory, MARKER, &format!("{sent:?}\n"))
}

fn write(directory: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = directory.join(name);
    std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(&path, text))
        .with_context(|| format!("failed to write {}", path.display()))
}

/// A line for whoever watches. One that nobody reads is lost.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// What is broken in the shop, as the API sees it.
#[derive(Debug, Clone)]
pub struct DemoFaults(Faults);

/// A fault as the API is asked for it.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultRequest {
    /// Which fault.
    #[schema(example = "slow-database")]
    fault: String,
    /// How long from now; at once, if left out.
    #[schema(example = "30s")]
    after: Option<String>,
    /// How long it lasts; until it is ended, if left out.
    #[serde(rename = "for")]
    #[schema(example = "5m")]
    lasts: Option<String>,
}

impl DemoFaults {
    pub fn list(&self) -> serde_json::Value {
        serde_json::json!({ "faults": self.0.list() })
    }

    /// Begins a fault, or says what is wrong with the request.
    pub fn begin(&self, request: &FaultRequest) -> Result<(), String> {
        let duration = |text: &Option<String>| text.as_deref().map(read_duration).transpose();
        let plan = Plan {
            fault: request.fault.parse()?,
            after: duration(&request.after)?.unwrap_or_default(),
            lasts: duration(&request.lasts)?,
        };
        self.0.plan(plan);
        Ok(())
    }

    /// Ends a fault; whether there is one of that name.
    pub fn end(&self, name: &str) -> bool {
        let fault = name.parse::<Fault>();
        if let Ok(fault) = fault {
            self.0.end(fault);
        }
        fault.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: DemoArgs,
    }

    #[test]
    fn a_first_start_has_an_incident_unless_something_else_was_asked_for() {
        let has_incident =
            |line: &str| Line::try_parse_from(line.split_whitespace()).unwrap().args.has_incident();
        assert!(has_incident("demo --visits 5"));
        assert!(!has_incident("demo --no-incident"));
        assert!(!has_incident("demo --fault lost-cell,after=1h"));
    }
}
