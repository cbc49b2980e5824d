//! The dispatcher at work: what was received goes into groups, and what they have to say into the outbox, in one transaction
//! with the note that it was said.

use super::configuration::Configuration;
use super::delivery::blocking;
use super::dispatch::{self, Notice, State};
use super::message::{self, Context};
use super::notifier::Shared;
use super::{forward, outbox, received, silence};
use crate::Error;
use binnacle_storage::model::{TenantId, Timestamp};
use rusqlite::Transaction;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// It looks this often even if nothing says so: a clock may have been set.
const LOOK_INTERVAL: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 500 });

/// So long after a start, rules and SLOs have said whether the alerts that were firing still do.
const HOLD: Duration = Duration::from_secs(5 * 60);

/// Time between two looks for what can be forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

pub struct Dispatcher {
    shared: Arc<Shared>,
    /// What the states are routed with.
    configuration: Arc<Configuration>,
    states: BTreeMap<TenantId, State>,
    /// Of the last change taken in.
    sequence: i64,
    next_sweep: Timestamp,
    /// Whether the states differ from what is written.
    is_stale: bool,
    /// Whether nothing was done yet.
    is_first: bool,
}

impl Dispatcher {
    pub fn new(shared: Arc<Shared>) -> Dispatcher {
        let configuration = shared.configuration();
        Dispatcher {
            shared,
            configuration,
            states: BTreeMap::new(),
            sequence: 0,
            next_sweep: Timestamp(i64::MIN),
            is_stale: true,
            is_first: true,
        }
    }

    /// Dispatches until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let commit = self.shared.store.next_commit();
            let (again, result) = match tokio::task::spawn_blocking(move || self.look()).await {
                Ok(looked) => looked,
                Err(error) => {
                    error!(%error, "dispatching ended abnormally; alerts are not notified any more");
                    return;
                }
            };
            self = again;
            let mut patience = self.patience();
            if let Err(error) = result {
                error!(%error, "failed to dispatch alerts; trying again");
                patience = LOOK_INTERVAL;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = commit => {}
                () = tokio::time::sleep(patience) => {}
            }
        }
    }

    fn look(mut self) -> (Dispatcher, Result<(), Error>) {
        let result = self.step();
        (self, result)
    }

    fn patience(&self) -> Duration {
        let due = self.states.values().filter_map(State::next_due).min();
        let wait = due.map_or(i64::MAX, |due| due.0.saturating_sub(self.shared.clock.now().0));
        Duration::from_nanos(u64::try_from(wait).unwrap_or(0)).min(LOOK_INTERVAL)
    }

    /// Does what is due. After an error everything is read again, since some of it may not have been written.
    pub fn step(&mut self) -> Result<(), Error> {
        let now = self.shared.clock.now();
        let store = self.shared.store.clone();
        if self.is_stale {
            let (states, sequence) = store.read("read the groups of alerts", |connection| {
                Ok((dispatch::load(connection)?, received::last_sequence(connection)?))
            })?;
            (self.states, self.sequence) = (states, sequence);
            self.configuration = self.shared.configuration();
            self.reroute(now);
            self.is_stale = false;
        } else if !Arc::ptr_eq(&self.configuration, &self.shared.configuration()) {
            self.configuration = self.shared.configuration();
            self.reroute(now);
        } else {
            let last = store.read("look for changed alerts", received::last_sequence)?;
            let is_due = |state: &State| state.next_due().is_some_and(|due| due <= now);
            let is_idle =
                last == self.sequence && now < self.next_sweep && !self.states.values().any(is_due);
            if is_idle {
                return Ok(());
            }
        }
        self.is_stale = true;
        store.write("dispatch alerts", |tx| self.work(tx, now))?;
        (self.is_stale, self.is_first) = (false, false);
        Ok(())
    }

    fn reroute(&mut self, now: Timestamp) {
        for state in self.states.values_mut() {
            state.reroute(&self.configuration.root, now);
        }
    }

    fn work(&mut self, tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
        for (tenant, received) in received::list_changed(tx, self.sequence)? {
            self.sequence = self.sequence.max(received.sequence);
            self.states.entry(tenant).or_default().take(received, &self.configuration.root, now);
        }
        self.sequence = received::last_sequence(tx)?;
        if self.is_first {
            for state in self.states.values_mut() {
                state.hold(now.saturating_add(HOLD));
            }
        }
        let is_sweep = now >= self.next_sweep;
        for (tenant, state) in &mut self.states {
            if state.next_due().is_some_and(|due| due <= now) {
                let silences = silence::list(tx, tenant)?;
                let notices = state.flush(&self.configuration, &silences, now);
                for notice in notices {
                    say(tx, &self.shared, &self.configuration, tenant, &notice)?;
                }
            }
            if is_sweep {
                state.sweep(&self.configuration.root, now);
            }
            state.write(tx, tenant)?;
        }
        if is_sweep {
            silence::forget_old(tx, now)?;
            forward::sweep(tx)?;
            let given_up = outbox::sweep(tx, now)?;
            if given_up > 0 {
                warn!(given_up, "notifications were given up");
            }
            self.next_sweep = now.saturating_add(SWEEP_INTERVAL);
        }
        Ok(())
    }
}

/// Puts a notice into the outbox. One that cannot be rendered is recorded as such.
fn say(
    tx: &Transaction<'_>,
    shared: &Shared,
    configuration: &Configuration,
    tenant: &TenantId,
    notice: &Notice,
) -> rusqlite::Result<()> {
    let receiver = configuration.find_receiver(&notice.receiver);
    let Some(integration) = receiver.and_then(|known| known.integrations.get(notice.integration))
    else {
        return Ok(());
    };
    let definitions = &configuration.definitions;
    let context = Context { tenant, external_url: &shared.external_url, definitions };
    let (message, refused) = message::render(notice, integration, &context);
    if let Some(error) = &refused {
        let Notice { receiver, .. } = notice;
        let integration = &message.integration;
        warn!(receiver, integration, error, "a notification cannot be written");
    }
    outbox::insert(tx, tenant, &message, refused.as_deref(), notice.now)
}

/// Reads the configuration again when its files change.
pub async fn reload(shared: Arc<Shared>, interval: Duration, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
        let again = Arc::clone(&shared);
        if let Err(error) = blocking(move || again.reload_if_changed()).await {
            error!(%error, "the notification file was changed and is refused; the earlier one stays in force");
        }
    }
}
