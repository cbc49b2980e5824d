//! Runs a plan: a request for each arrival, counted when it ends.

use crate::client::{Client, TraceParent, tls};
use crate::live::{Snapshot, line};
use crate::otlp::{Described, Exporter, Sent};
use crate::plan::Plan;
use crate::register::Register;
use crate::run::{Run, Spans, Standing, State};
use crate::schedule::Arrival;
use crate::tally::{Outcome, Tally};
use crate::template::spread;
use crate::wire::Wire;
use crate::{Error, pace};
use http::HeaderValue;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Arrivals that wait for a place; those after them wait in the thread that keeps time.
const DUE_MAX: usize = 1024;
/// How often it is told where the test stands, and how often a server is.
const LIVE_INTERVAL: Duration = Duration::from_secs(1);
const REGISTER_SECONDS: u64 = 2;

/// How a plan is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Requests that may be under way at one time; more wait, and are late by it.
    pub under_way_max: usize,
    /// Connections of HTTP/2.
    pub connections: usize,
    /// Certificates to trust beside the system's.
    pub authority: Option<PathBuf>,
    /// Where spans of all requests go, such as `http://127.0.0.1:4318`, and whose they are said to be.
    pub otlp: Option<String>,
    pub service: String,
    /// Where the run is registered, such as `http://127.0.0.1:7070`.
    pub register: Option<String>,
    pub tenant: Option<HeaderValue>,
}

/// What a test came to.
#[derive(Debug)]
pub struct Ended {
    pub run: Run,
    /// What the server it is registered with calls it.
    pub registered: Option<String>,
    /// The server it is registered with did not take it to the end.
    pub register_failed: Option<String>,
}

/// Sends what `plan` says, until its end or `stop`. Calls `progress` with a line each second.
pub async fn run(
    plan: Plan,
    settings: &Settings,
    stop: CancellationToken,
    mut progress: impl FnMut(&str),
) -> Result<Ended, Error> {
    let tls = tls(settings.authority.as_deref())?;
    let wire = Wire::new(&tls, settings.tenant.clone());
    let service = settings.otlp.as_ref().map(|_| settings.service.as_str());
    let exporter = settings.otlp.as_deref().map(|endpoint| {
        Exporter::start(wire.clone(), endpoint, &resource(&plan, settings), described(&plan))
    });
    let tally = Mutex::new(Tally::new(&plan.schedule, plan.requests.len()));
    let client = Client::new(&plan, &tls, settings.connections);
    let (began, begin) = (SystemTime::now(), Instant::now());
    let test = Arc::new(Test {
        plan,
        client,
        tally,
        exporter,
        began,
        begin,
        seed: random(),
        stop,
        begun: AtomicU64::new(0),
    });
    let (plan, stop) = (&test.plan, &test.stop);

    let standing = |state, spans| Standing { began, elapsed: begin.elapsed(), state, spans };
    let now = || Run::new(plan, &test.tally(), standing(State::Running, None), service);
    let register = match &settings.register {
        Some(api) => Some(Register::begin(wire, api, &now()).await?),
        None => None,
    };

    let (due, arrivals) = mpsc::channel(DUE_MAX);
    let pace = pace::start(&plan.schedule, begin, due, stop.clone())?;
    let places = Arc::new(Semaphore::new(settings.under_way_max.clamp(1, Semaphore::MAX_PERMITS)));
    let mut sending = tokio::spawn(test.clone().send_all(arrivals, places));
    let mut ticks = tokio::time::interval(LIVE_INTERVAL);
    ticks.tick().await;
    let mut register_failed = None;
    loop {
        tokio::select! {
            _ = &mut sending => break,
            _ = ticks.tick() => {
                progress(&line(&test.snapshot()));
                if let Some(register) = &register
                    && begin.elapsed().as_secs().is_multiple_of(REGISTER_SECONDS)
                {
                    // One that is missed is made up for by the next.
                    register_failed = register.update(&now()).await.err();
                }
            }
        }
    }
    progress(&line(&test.snapshot()));
    // It has ended: nobody takes what is due, or there is no more.
    let _ = tokio::task::spawn_blocking(move || pace.join()).await;

    let state = if test.stop.is_cancelled() { State::Aborted } else { State::Finished };
    let elapsed = begin.elapsed();
    let Ok(mut test) = Arc::try_unwrap(test) else { unreachable!("all requests have ended") };
    let spans = match test.exporter.take() {
        Some(exporter) => {
            let exported = exporter.finish().await;
            Some(Spans { exported: exported.exported, lost: exported.lost })
        }
        None => None,
    };
    let standing = Standing { began, elapsed, state, spans };
    let run = Run::new(&test.plan, &test.tally(), standing, service);
    if let Some(register) = &register {
        register_failed = register.update(&run).await.err();
    }
    let registered = register.map(|register| register.id().to_owned());
    Ok(Ended { run, registered, register_failed })
}

/// A test under way.
struct Test {
    plan: Plan,
    client: Client,
    tally: Mutex<Tally>,
    exporter: Option<Exporter>,
    began: SystemTime,
    begin: Instant,
    seed: u64,
    stop: CancellationToken,
    /// Requests that began.
    begun: AtomicU64,
}

impl Test {
    /// Begins a request for each arrival; returns when all have ended.
    async fn send_all(
        self: Arc<Test>,
        mut arrivals: mpsc::Receiver<Arrival>,
        places: Arc<Semaphore>,
    ) {
        let all = u32::try_from(places.available_permits()).unwrap_or(u32::MAX);
        while let Some(arrival) = arrivals.recv().await {
            if self.stop.is_cancelled() {
                break;
            }
            // It is never closed.
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let test = self.clone();
            tokio::spawn(async move {
                test.send_one(arrival).await;
                drop(test);
                drop(place);
            });
        }
        let _ = places.acquire_many(all).await;
    }

    async fn send_one(&self, arrival: Arrival) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let sent = self.begin.elapsed();
        let seed = spread(self.seed ^ arrival.number);
        let operation = self.plan.pick(seed);
        let parent = parent(seed);
        let result = self.client.send(&self.plan.requests[operation], seed, parent).await;
        let ended = self.begin.elapsed();
        let outcome = Outcome { arrival, operation, sent, ended, result };
        self.tally().add(&outcome);
        if let Some(exporter) = &self.exporter {
            let at = |offset: Duration| {
                let since = (self.began + offset).duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
            };
            let (due, sent, ended) = (at(arrival.due), at(sent), at(ended));
            exporter.offer(Sent { parent, operation, due, sent, ended, result: outcome.result });
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self) -> Snapshot {
        let elapsed = self.begin.elapsed();
        let schedule = &self.plan.schedule;
        let due =
            schedule.begun_by(elapsed) - schedule.begun_by(elapsed.saturating_sub(LIVE_INTERVAL));
        let mut tally = self.tally();
        Snapshot {
            elapsed: elapsed.min(schedule.duration()),
            duration: schedule.duration(),
            intended: due as f64,
            last: tally.take_fresh(),
            under_way: self.begun.load(Ordering::Relaxed).saturating_sub(tally.total.requests),
            requests: tally.total.requests,
            errors: tally.total.errors,
        }
    }
}

/// Ids made of what was drawn for the request. Neither is zero, which would be none.
fn parent(seed: u64) -> TraceParent {
    let [high, low, span] = [1, 2, 3].map(|part| spread(seed.wrapping_add(part)));
    let trace_id = u128::from(high) << 64 | u128::from(low);
    TraceParent { trace_id: trace_id.max(1), span_id: span.max(1) }
}

/// Differs from run to run, as the seed of a hash map does.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn resource(plan: &Plan, settings: &Settings) -> Vec<(&'static str, String)> {
    vec![
        ("service.name", settings.service.clone()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", format!("{}-{}", settings.service, std::process::id())),
        ("load.run", plan.name.clone()),
    ]
}

fn described(plan: &Plan) -> Vec<Described> {
    let address = plan.target.split("://").nth(1).unwrap_or_default();
    let described = plan.requests.iter().map(|request| {
        let attributes = vec![
            ("http.request.method", request.method.to_string()),
            ("server.address", address.to_owned()),
        ];
        Described { name: request.name.clone(), attributes }
    });
    described.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_of_requests_differ() {
        let parents = (0..10_000).map(|number| parent(spread(7 ^ number)));
        let ids: BTreeSet<u128> = parents.map(|parent| parent.trace_id).collect();
        assert_eq!(ids.len(), 10_000);
        assert_ne!(random(), random());
    }
}
