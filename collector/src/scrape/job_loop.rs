//! Jobs: keeps a loop running for each target that is discovered, and ends those that are not any more.

use super::client::JobClient;
use super::config::ScrapeConfig;
use super::discovery::Discovery;
use super::labels::Labels;
use super::relabel::{self, Rule};
use super::status::{self, ScrapeTargets, SharedStatus};
use super::target::{self, Target};
use super::target_loop::{Job, Stop, TargetLoop};
use crate::Collector;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{info, warn};

/// How often files of targets are read again.
const POLL: Duration = Duration::from_secs(5);

/// Everything that is to be scraped, checked.
#[derive(Debug)]
pub struct Scraper {
    jobs: Vec<(Arc<Job>, Vec<Rule>)>,
    places: Arc<Semaphore>,
    targets: ScrapeTargets,
}

impl Scraper {
    /// Checks the configuration and reads the files it names. Blocks.
    pub fn new(config: &ScrapeConfig, collector: &Collector) -> Result<Scraper, String> {
        let mut jobs = Vec::new();
        let (all, warnings) = config.all_jobs()?;
        for warning in warnings {
            warn!("{warning}");
        }
        for config_of_job in all {
            let name = &config_of_job.job_name;
            let in_job = |problem| format!("scrape job '{name}': {problem}");
            let rules = relabel::compile(&config_of_job.relabel_configs)?;
            let job = Job {
                tenant: config_of_job.tenant.parse().map_err(|error| in_job(format!("{error}")))?,
                metric_rules: relabel::compile(&config_of_job.metric_relabel_configs)?,
                client: JobClient::new(&config_of_job).map_err(in_job)?,
                collector: collector.clone(),
                body_bytes_max: config.body_bytes_max,
                shown: Mutex::default(),
                config: config_of_job.clone(),
            };
            jobs.push((Arc::new(job), rules));
        }
        let places = Arc::new(Semaphore::new(config.targets_max));
        Ok(Scraper { jobs, places, targets: ScrapeTargets::default() })
    }

    /// What is known of the targets, now and later.
    pub fn targets(&self) -> ScrapeTargets {
        self.targets.clone()
    }
}

/// Scrapes until `shutdown`, then lets scrapes that are being written finish.
pub async fn scrape(scraper: Scraper, shutdown: impl Future<Output = ()> + Send) {
    let (stop, stopped) = watch::channel(Stop::No);
    let mut loops = JoinSet::new();
    for (job, rules) in scraper.jobs {
        info!(job = job.config.job_name, "scraping");
        let job_loop = JobLoop {
            job,
            rules,
            places: scraper.places.clone(),
            targets: scraper.targets.clone(),
            running: HashMap::new(),
        };
        loops.spawn(job_loop.run(stopped.clone()));
    }
    shutdown.await;
    stop.send_replace(Stop::Shutdown);
    while loops.join_next().await.is_some() {}
}

struct JobLoop {
    job: Arc<Job>,
    rules: Vec<Rule>,
    places: Arc<Semaphore>,
    targets: ScrapeTargets,
    running: HashMap<(Labels, String), Running>,
}

struct Running {
    stop: watch::Sender<Stop>,
    status: SharedStatus,
    task: JoinHandle<()>,
}

impl JobLoop {
    async fn run(mut self, mut stopped: watch::Receiver<Stop>) {
        let mut discovery = Discovery::new(&self.job.config);
        let mut is_first = true;
        loop {
            let changed = tokio::select! {
                changed = discovery.refresh(&self.job.client, POLL) => changed,
                _ = stopped.wait_for(|stop| *stop != Stop::No) => break,
            };
            if changed || is_first {
                self.apply(&discovery);
            }
            is_first = false;
            let wait = async {
                match discovery.may_change() {
                    true => tokio::time::sleep(POLL).await,
                    false => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => {}
                _ = stopped.wait_for(|stop| *stop != Stop::No) => break,
            }
        }
        for running in self.running.into_values() {
            running.stop.send_replace(Stop::Shutdown);
            // A loop that panicked has said so in the log.
            let _ = running.task.await;
        }
    }

    /// Starts loops for new targets and ends those of targets that are gone.
    fn apply(&mut self, discovery: &Discovery) {
        let (targets, dropped) = self.make_targets(discovery);
        let mut kept = HashMap::new();
        let mut left_out = 0;
        for target in targets {
            let key = target.key();
            if kept.contains_key(&key) {
                continue;
            }
            match self.running.remove(&key).or_else(|| self.start(target)) {
                Some(running) => drop(kept.insert(key, running)),
                None => left_out += 1,
            }
        }
        let gone = std::mem::replace(&mut self.running, kept);
        for running in gone.into_values() {
            running.stop.send_replace(Stop::Gone);
        }
        let name = &self.job.config.job_name;
        if left_out > 0 {
            warn!(job = name, left_out, "more targets than scrape.targets_max");
        }
        let mut active: Vec<&Running> = self.running.values().collect();
        active.sort_by_cached_key(|running| running.status.lock().url.clone());
        let active = active.iter().map(|running| running.status.clone()).collect();
        self.targets.put(name, &self.job.tenant, active, &dropped);
    }

    fn make_targets(&self, discovery: &Discovery) -> (Vec<Target>, Vec<Labels>) {
        let config = &self.job.config;
        let (mut targets, mut dropped) = (Vec::new(), Vec::new());
        for discovered in discovery.found() {
            let labels = target::discovered_labels(config, discovered);
            match target::target(config, &self.rules, labels.clone()) {
                Ok(Some(target)) => targets.push(target),
                Ok(None) => dropped.push(labels),
                Err(error) => {
                    let address = &discovered.address;
                    warn!(job = config.job_name, address, error, "cannot scrape a target");
                }
            }
        }
        let limit = config.target_limit;
        if limit > 0 && targets.len() > limit {
            let found = targets.len();
            warn!(
                job = config.job_name,
                found, limit, "more targets than target_limit: none is scraped"
            );
            targets.clear();
        }
        (targets, dropped)
    }

    /// `None` when there is no place for another target.
    fn start(&self, target: Target) -> Option<Running> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let status = status::unknown(&self.job.config.job_name, &target);
        let (stop, stopped) = watch::channel(Stop::No);
        let target_loop =
            TargetLoop { job: self.job.clone(), target, status: status.clone(), stop: stopped };
        let task = tokio::spawn(async move {
            target_loop.run().await;
            drop(place);
        });
        Some(Running { stop, status, task })
    }
}
