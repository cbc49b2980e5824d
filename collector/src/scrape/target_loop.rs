//! The life of one target: scraped at its interval until it is gone.

use super::client::{Answer, JobClient};
use super::config::JobConfig;
use super::exposition::TextFormat;
use super::labels::Labels;
use super::message::Message;
use super::relabel::Rule;
use super::series::{self, Counts, Descriptions, Failure, Known, Rules, Scraped, plain, stale};
use super::status::{Health, SharedStatus};
use super::target::Target;
use crate::Error;
use crate::admit::body;
use crate::collector::{Collector, Export};
use crate::metrics::Transport;
use crate::otlp::reply;
use binnacle_storage::model::{Compression, Encoding, Format, Signal, TenantId, Timestamp};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{debug, warn};

/// A scrape that starts this close to its tick has the tick's time: even distances compress to nothing.
const TIME_TOLERANCE_MS: i64 = 2;

/// Why a loop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    No,
    /// The target is no longer discovered: its series end.
    Gone,
    /// The process ends: the series go on after it.
    Shutdown,
}

/// What all targets of a job share.
#[derive(Debug)]
pub struct Job {
    pub config: JobConfig,
    pub tenant: TenantId,
    pub metric_rules: Vec<Rule>,
    pub client: JobClient,
    pub collector: Collector,
    pub body_bytes_max: u64,
    /// What a target said of its metrics last: targets of a job mostly say the same, and it is kept once then.
    pub shown: Mutex<Arc<Descriptions>>,
}

impl Job {
    fn share(&self, descriptions: Descriptions) -> Arc<Descriptions> {
        let mut shown = self.shown.lock();
        if **shown != descriptions {
            *shown = Arc::new(descriptions);
        }
        shown.clone()
    }
}

/// One target being scraped.
pub struct TargetLoop {
    pub job: Arc<Job>,
    pub target: Target,
    pub status: SharedStatus,
    pub stop: watch::Receiver<Stop>,
}

impl TargetLoop {
    pub async fn run(mut self) {
        let interval = self.target.interval;
        let now = self.now();
        let first = first_tick(now, interval, self.target.spread());
        let mut ticks = tokio::time::interval_at(Instant::now() + first, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut tick_time = now.saturating_add(first.as_millis() as i64);
        let mut known = Known::default();
        loop {
            let stop = tokio::select! {
                _ = ticks.tick() => Stop::No,
                stop = stopped(&mut self.stop) => stop,
            };
            match stop {
                Stop::No => {}
                Stop::Gone => return self.end(known).await,
                Stop::Shutdown => return,
            }
            let time = self.align(&mut tick_time);
            let deadline = Instant::now() + interval;
            known = self.scrape(time, known, deadline).await;
        }
    }

    /// Unix milliseconds.
    fn now(&self) -> i64 {
        self.job.collector.now().0 / 1_000_000
    }

    /// The time of this scrape: its tick's when that is near.
    fn align(&self, tick_time: &mut i64) -> i64 {
        let now = self.now();
        let interval = (self.target.interval.as_millis() as i64).max(1);
        let missed = (now - *tick_time).max(0) / interval;
        let tick = *tick_time + missed * interval;
        *tick_time = tick + interval;
        if (now - tick).abs() <= TIME_TOLERANCE_MS { tick } else { now }
    }

    /// Scrapes once, writes what came, and answers with what is known now.
    async fn scrape(&self, time: i64, known: Known, deadline: Instant) -> Known {
        let started = Instant::now();
        let bytes_max = self.job.config.body_size_limit.unwrap_or(self.job.body_bytes_max);
        let client = &self.job.client;
        let answer = client.scrape(&self.target.url, self.target.timeout, bytes_max).await;
        let duration = started.elapsed();
        let (read, known) = match answer {
            Ok(answer) => self.read(answer, time, known).await,
            Err(error) => (Err(Failure::from(error)), known),
        };
        let (health, error, mut scraped) = match read {
            Ok(scraped) => (Health::Up, String::new(), scraped),
            Err(Failure { error, counts }) => {
                (Health::Down, error, Scraped { counts, ..nothing(known, time) })
            }
        };
        self.report(&mut scraped, health, time, duration);
        let Scraped { message, mut known, descriptions, .. } = scraped;
        let descriptions = (health == Health::Up).then(|| self.job.share(descriptions));
        let written = self.write(message, deadline).await;
        if written.is_err() {
            // What was shown is to be stored by the next scrape.
            known.exemplars.clear();
        }
        let error = match written {
            Ok(()) => error,
            Err(failure) if error.is_empty() => failure,
            Err(failure) => format!("{error}; {failure}"),
        };
        if !error.is_empty() {
            debug!(url = %self.target.url, error, "scrape failed");
        }
        let mut status = self.status.lock();
        status.health = health;
        status.last_error = error;
        status.last_scrape = Some(Timestamp(time.saturating_mul(1_000_000)));
        status.last_duration = duration;
        status.descriptions = descriptions.unwrap_or_else(|| status.descriptions.clone());
        known
    }

    /// Decompresses and reads an answer on a thread of its own.
    async fn read(
        &self,
        answer: Answer,
        time: i64,
        known: Known,
    ) -> (Result<Scraped, Failure>, Known) {
        let job = self.job.clone();
        let target = self.target.labels.clone();
        let mut reservation = job.collector.in_flight().reservation();
        let work = move || {
            let limit = job.config.body_size_limit.unwrap_or(job.body_bytes_max);
            let mut read = || {
                let format = TextFormat::of(&answer.content_type);
                let plain =
                    body::decompress(answer.compression, &answer.body, limit, &mut reservation)
                        .map_err(|error| error.to_string())?;
                let text = std::str::from_utf8(&plain)
                    .map_err(|_| "the answer is not UTF-8".to_owned())?;
                let rules =
                    Rules { job: &job.config, metric_rules: &job.metric_rules, target: &target };
                series::read(rules, format, text, time, &known)
            };
            (read(), known)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(read) => read,
            Err(error) => (Err(error.to_string().into()), Known::default()),
        }
    }

    /// Adds the samples about the scrape itself.
    fn report(&self, scraped: &mut Scraped, health: Health, time: i64, duration: Duration) {
        let up = if health == Health::Up { 1.0 } else { 0.0 };
        let samples = [
            ("up", up),
            ("scrape_duration_seconds", duration.as_secs_f64()),
            ("scrape_samples_scraped", scraped.counts.samples as f64),
            ("scrape_samples_post_metric_relabeling", scraped.counts.kept as f64),
            ("scrape_series_added", scraped.counts.added as f64),
        ];
        for (name, value) in samples {
            scraped.message.push(&plain(&self.report_labels(name), value, time));
        }
    }

    fn report_labels(&self, name: &str) -> Labels {
        let mut labels = self.target.labels.clone();
        labels.set("__name__", name);
        labels
    }

    /// The target is gone: all its series end.
    async fn end(&self, known: Known) {
        let time = self.now();
        let mut scraped = nothing(known, time);
        for name in REPORTS {
            scraped.message.push(&stale(&self.report_labels(name), time));
        }
        let deadline = Instant::now() + self.target.interval;
        if let Err(error) = self.write(scraped.message, deadline).await {
            warn!(url = %self.target.url, error, "failed to end the series of a target that is gone");
        }
    }

    /// Makes a message durable, trying again until `deadline` while storage is busy.
    async fn write(&self, message: Message, deadline: Instant) -> Result<(), String> {
        let plain = message.finish();
        let body = snap::raw::Encoder::new().compress_vec(&plain);
        let body = bytes::Bytes::from(body.map_err(|error| error.to_string())?);
        loop {
            let mut reservation = self.job.collector.in_flight().reservation();
            let result = if reservation.try_grow(body.len() as u64) {
                let export = Export {
                    tenant: self.job.tenant.clone(),
                    signal: Signal::Metrics,
                    encoding: Encoding {
                        format: Format::RemoteWrite2,
                        compression: Compression::Snappy,
                    },
                    transport: Transport::Scrape,
                    client: None,
                    body: body.clone(),
                    reservation,
                };
                self.job.collector.export(export).await
            } else {
                Err(Error::Busy { retry_after: Duration::from_secs(1) })
            };
            let error = match result {
                Ok(exported) if exported.rejected.count == 0 => return Ok(()),
                Ok(exported) => return Err(exported.rejected.message(1000)),
                Err(error) => error,
            };
            let refusal = reply::refusal(&error);
            match refusal.retry_after {
                Some(wait) if Instant::now() + wait < deadline => tokio::time::sleep(wait).await,
                _ => return Err(refusal.message),
            }
        }
    }
}

/// The series about a scrape itself.
const REPORTS: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// A scrape that brought nothing: the series known end.
fn nothing(known: Known, time: i64) -> Scraped {
    let mut message = Message::new();
    known.series.iter().for_each(|labels| message.push(&stale(labels, time)));
    let known = Known { series: HashSet::new(), ..known };
    Scraped { message, known, counts: Counts::default(), descriptions: Descriptions::new() }
}

/// How long until the first scrape: targets are spread over the interval, each always at the same place in it.
fn first_tick(now: i64, interval: Duration, spread: u64) -> Duration {
    let interval = (interval.as_millis() as u64).max(1);
    let phase = spread % interval;
    let passed = now.rem_euclid(interval as i64) as u64;
    Duration::from_millis((phase + interval - passed) % interval)
}

/// Ends when the loop is to stop, and says why.
async fn stopped(stop: &mut watch::Receiver<Stop>) -> Stop {
    match stop.wait_for(|stop| *stop != Stop::No).await {
        Ok(stop) => *stop,
        // Whoever could say so is gone.
        Err(_) => Stop::Shutdown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_keep_their_place_in_the_interval() {
        let interval = Duration::from_secs(15);
        for now in [0, 1, 14_999, 15_000, 1_700_000_000_123] {
            let first = first_tick(now, interval, 40_000).as_millis() as i64;
            assert_eq!((now + first) % 15_000, 10_000, "{now}");
            assert!(first < 15_000);
        }
    }
}
