//! Notification as a whole: opened with its configuration, run until told to stop, and asked by the API.

use super::configuration::Configuration;
use super::delivery::{AllowedHosts, AttemptOutcome, Delivery};
use super::dispatch::{self, Group, GroupId};
use super::dispatcher::{self, Dispatcher};
use super::forward::{self, Target};
use super::inhibit::Inhibition;
use super::message;
use super::outbox::{self, Lane};
use super::received::{self, Origin, Received};
use super::silence::{self, Refused, Silence};
use crate::{Alert, AlertingConfig, Error, Fingerprint, Store};
use binnacle_storage::Clock;
use binnacle_storage::model::{TenantId, Timestamp};
use parking_lot::{Mutex, RwLock};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Most alerts of a tenant that others may send here. Each is looked at in every group it is in.
const ALERTS_MAX: usize = 100_000;

/// Notification. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Notifier {
    shared: Arc<Shared>,
    /// Other Alertmanagers that are to know of our alerts.
    targets: Vec<Target>,
    reload_interval: Duration,
}

/// What its parts work with.
pub struct Shared {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub external_url: String,
    pub allowed_hosts: AllowedHosts,
    pub metrics: NotifyMetrics,
    /// Empty: there is none.
    file: PathBuf,
    configuration: RwLock<Arc<Configuration>>,
    /// The file and its templates, as last looked at.
    files: Mutex<Files>,
}

/// An alert with all that is known of it now.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub received: Received,
    pub silenced_by: Vec<String>,
    pub inhibited_by: Vec<Fingerprint>,
    pub receivers: Vec<String>,
}

/// A group and its alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct StandingGroup {
    pub id: GroupId,
    pub receiver: String,
    pub alerts: Vec<Standing>,
    /// The time intervals for which its route is silent now.
    pub muted_by: Vec<String>,
}

impl Notifier {
    /// Reads the configuration. A file that is there and wrong is an error: nobody would be told.
    pub fn open(
        config: &AlertingConfig,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Notifier, Error> {
        let file = config.notify_file.clone();
        let (files, configuration) = read(&file)?;
        let base = config.external_url.trim_end_matches('/');
        let patterns =
            config.notify_hosts.iter().map(|host| glob::Pattern::new(&host.to_lowercase()));
        let hosts = patterns.collect::<Result<_, _>>().map_err(|error| Error::NotifyFile {
            path: file.clone(),
            detail: format!("alerting.notify_hosts: {error}"),
        })?;
        let shared = Shared {
            store,
            clock,
            external_url: format!("{base}/alertmanager"),
            allowed_hosts: AllowedHosts(hosts),
            metrics: NotifyMetrics::default(),
            file,
            configuration: RwLock::new(Arc::new(configuration)),
            files: Mutex::new(files),
        };
        let targets = config.alertmanagers.iter().map(|address| Target::parse(address));
        let targets = targets
            .collect::<Result<_, _>>()
            .map_err(|detail| Error::NotifyFile { path: config.notify_file.clone(), detail })?;
        let reload_interval = config.reload_interval;
        Ok(Notifier { shared: Arc::new(shared), targets, reload_interval })
    }

    /// Dispatches and delivers until `stop`; what is under way then gets a moment to end.
    pub async fn run(&self, stop: CancellationToken) {
        let dispatcher = Dispatcher::new(Arc::clone(&self.shared));
        let delivery = Delivery::new(Arc::clone(&self.shared));
        let reload =
            dispatcher::reload(Arc::clone(&self.shared), self.reload_interval, stop.clone());
        let forward =
            |target: &Target| forward::run(Arc::clone(&self.shared), target.clone(), stop.clone());
        let forwards = futures::future::join_all(self.targets.iter().map(forward));
        tokio::join!(dispatcher.run(stop.clone()), delivery.run(stop.clone()), reload, forwards);
    }

    pub fn register_metrics(&self, registry: &mut Registry) {
        self.shared.metrics.register(registry);
    }

    #[cfg(test)]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub fn configuration(&self) -> Arc<Configuration> {
        self.shared.configuration()
    }

    /// Addresses of the other Alertmanagers that are kept informed, without credentials.
    pub fn list_alertmanagers(&self) -> Vec<&str> {
        self.targets.iter().map(Target::url).collect()
    }

    /// Reads the file again, now.
    pub fn reload(&self) -> Result<(), Error> {
        self.shared.reload()
    }

    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Takes in alerts that somebody sent. `false`: there are too many already, and none of these was taken.
    pub fn post_alerts(
        &self,
        tenant: &TenantId,
        alerts: &[(Origin, Alert)],
    ) -> Result<bool, Error> {
        let now = self.now();
        self.shared.store.write("take in alerts", |tx| {
            if received::count(tx, tenant)? + alerts.len() > ALERTS_MAX {
                return Ok(false);
            }
            for (origin, alert) in alerts {
                received::receive_from(tx, tenant, *origin, std::slice::from_ref(alert), now)?;
            }
            Ok(true)
        })
    }

    /// Every alert that is not over, by fingerprint.
    pub fn list_alerts(&self, tenant: &TenantId) -> Result<Vec<Standing>, Error> {
        let now = self.now();
        let (alerts, silences) = self.shared.store.read("list alerts", |connection| {
            Ok((received::list(connection, tenant)?, silence::list(connection, tenant)?))
        })?;
        Ok(self.standing(alerts, &silences, now))
    }

    /// Every group that has an alert that is not over, in the order of labels and receivers.
    pub fn list_groups(&self, tenant: &TenantId) -> Result<Vec<StandingGroup>, Error> {
        let now = self.now();
        let (alerts, silences, groups) = self.shared.store.read("list groups", |connection| {
            Ok((
                received::list(connection, tenant)?,
                silence::list(connection, tenant)?,
                dispatch::list_groups(connection, tenant)?,
            ))
        })?;
        let alerts = self.standing(alerts, &silences, now);
        let configuration = self.configuration();
        let routes = configuration.root.walk();
        let of = |(id, group): (GroupId, Group)| {
            let route = routes.iter().find(|route| route.id == id.route)?;
            let is_member =
                |alert: &&Standing| group.members.contains(&alert.received.alert.fingerprint());
            let mut alerts: Vec<Standing> = alerts.iter().filter(is_member).cloned().collect();
            alerts.sort_by(|a, b| {
                dispatch::order(&a.received.alert.labels, &b.received.alert.labels)
            });
            let muted_by = dispatch::quiet_times(&configuration, route, now);
            let receiver = route.receiver.clone();
            (!alerts.is_empty()).then_some(StandingGroup { id, receiver, alerts, muted_by })
        };
        let mut groups: Vec<StandingGroup> = groups.into_iter().filter_map(of).collect();
        groups.sort_by(|a, b| {
            dispatch::order_names(&a.id.labels, &b.id.labels)
                .then_with(|| a.receiver.cmp(&b.receiver))
        });
        Ok(groups)
    }

    fn standing(
        &self,
        alerts: Vec<Received>,
        silences: &[Silence],
        now: Timestamp,
    ) -> Vec<Standing> {
        let configuration = self.configuration();
        let all = alerts.iter().map(|received| &received.alert);
        let inhibition = Inhibition::new(&configuration.inhibit_rules, all, now);
        let firing = alerts.iter().filter(|received| received.alert.ends_at >= now);
        let of = |received: &Received| {
            let labels = &received.alert.labels;
            let silenced_by = silence::silenced_by(silences, labels, now);
            let routes = configuration.root.find(labels);
            Standing {
                silenced_by: silenced_by.into_iter().map(str::to_owned).collect(),
                inhibited_by: inhibition.inhibited_by(labels).into_iter().collect(),
                receivers: routes.iter().map(|route| route.receiver.clone()).collect(),
                received: received.clone(),
            }
        };
        firing.map(of).collect()
    }

    /// All that are kept: active ones first, those that end soonest before the others.
    pub fn list_silences(&self, tenant: &TenantId) -> Result<Vec<Silence>, Error> {
        self.shared.store.read("list silences", |connection| silence::list(connection, tenant))
    }

    pub fn find_silence(&self, tenant: &TenantId, id: &str) -> Result<Option<Silence>, Error> {
        self.shared.store.read("find a silence", |connection| silence::find(connection, tenant, id))
    }

    /// Makes or changes a silence; its id, or why not.
    pub fn set_silence(
        &self,
        tenant: &TenantId,
        silence: Silence,
    ) -> Result<Result<String, Refused>, Error> {
        let now = self.now();
        self.shared.store.write("set a silence", |tx| silence::set(tx, tenant, silence, now))
    }

    /// Ends a silence. `false`: there is none.
    pub fn expire_silence(&self, tenant: &TenantId, id: &str) -> Result<bool, Error> {
        let now = self.now();
        self.shared.store.write("expire a silence", |tx| silence::expire(tx, tenant, id, now))
    }

    pub fn list_deliveries(
        &self,
        tenant: &TenantId,
        filter: &outbox::Filter,
    ) -> Result<Vec<outbox::Delivery>, Error> {
        self.shared
            .store
            .read("list deliveries", |connection| outbox::list(connection, tenant, filter))
    }
}

impl Shared {
    pub fn configuration(&self) -> Arc<Configuration> {
        Arc::clone(&self.configuration.read())
    }

    /// Reads the files again if they are others. What is refused is said once for each change.
    pub fn reload_if_changed(&self) -> Result<(), Error> {
        if self.file.as_os_str().is_empty() {
            return Ok(());
        }
        let text = read_text(&self.file)?;
        let patterns = self.configuration().templates.clone();
        let files = Files { templates: read_templates(&patterns)?, text };
        if *self.files.lock() == files {
            return Ok(());
        }
        *self.files.lock() = files;
        self.reload()?;
        info!(path = %self.file.display(), "read the notification file again");
        Ok(())
    }

    pub fn reload(&self) -> Result<(), Error> {
        let (files, configuration) = read(&self.file)?;
        *self.files.lock() = files;
        *self.configuration.write() = Arc::new(configuration);
        Ok(())
    }
}

/// What was read: the file, and each file of templates.
#[derive(Debug, Default, PartialEq, Eq)]
struct Files {
    text: String,
    templates: Vec<(PathBuf, String)>,
}

/// Whether a notification file can be used; what is wrong with it, in words.
pub fn check_file(file: &Path) -> Result<(), String> {
    read(file).map(drop).map_err(|error| error.to_string())
}

fn read(file: &Path) -> Result<(Files, Configuration), Error> {
    if file.as_os_str().is_empty() {
        return Ok((Files::default(), Configuration::default()));
    }
    let text = read_text(file)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut configuration = Configuration::parse(&text, folder)
        .map_err(|fault| Error::NotifyFile { path: file.to_owned(), detail: fault.to_string() })?;
    let templates = read_templates(&configuration.templates)?;
    for (path, text) in &templates {
        let template = message::template::parse(text)
            .map_err(|detail| Error::NotifyFile { path: path.clone(), detail })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        configuration.definitions.add_named(&name, &template);
    }
    Ok((Files { text, templates }, configuration))
}

fn read_text(file: &Path) -> Result<String, Error> {
    std::fs::read_to_string(file)
        .map_err(|error| Error::NotifyFile { path: file.to_owned(), detail: error.to_string() })
}

/// The files that the patterns match, in the order of patterns and names.
fn read_templates(patterns: &[PathBuf]) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut templates = Vec::new();
    for pattern in patterns {
        let wrong = |detail: String| Error::NotifyFile { path: pattern.clone(), detail };
        let paths = glob::glob(&pattern.to_string_lossy()).map_err(|e| wrong(e.to_string()))?;
        for path in paths {
            let path = path.map_err(|error| wrong(error.to_string()))?;
            let text = read_text(&path)?;
            templates.push((path, text));
        }
    }
    Ok(templates)
}

/// How delivery goes.
#[derive(Debug, Default)]
pub struct NotifyMetrics {
    attempts: Family<AttemptLabels, Counter>,
    forwarded: Family<ForwardLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    receiver: String,
    integration: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ForwardLabels {
    outcome: &'static str,
}

fn outcome_name(outcome: &AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Delivered { .. } => "delivered",
        AttemptOutcome::Failed { .. } => "failed",
        AttemptOutcome::Refused { .. } => "refused",
    }
}

impl NotifyMetrics {
    pub fn count_forward(&self, alerts: usize, outcome: &AttemptOutcome) {
        let outcome = outcome_name(outcome);
        self.forwarded.get_or_create(&ForwardLabels { outcome }).inc_by(alerts as u64);
    }

    pub fn count(&self, lane: &Lane, outcome: Option<&AttemptOutcome>) {
        let outcome = outcome.map_or("given_up", outcome_name);
        let (receiver, integration) = (lane.receiver.clone(), lane.integration.clone());
        self.attempts.get_or_create(&AttemptLabels { receiver, integration, outcome }).inc();
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "alerting_notification_attempts",
            "Attempts to deliver a notification, by what came of them",
            self.attempts.clone(),
        );
        registry.register(
            "alerting_forwarded_alerts",
            "Alerts sent to other Alertmanagers, by what came of it",
            self.forwarded.clone(),
        );
    }
}
