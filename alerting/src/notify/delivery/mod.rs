//! Delivery: takes what waits in the outbox to its receivers, in order for each integration, until they have it.
//!
//! Always true: of one integration one message is under way at a time, and none overtakes an earlier one of its group; a
//! message leaves the outbox only when its receiver answered, or when it is given up, which is recorded.

mod client;
mod email;
mod retry;
mod send;
mod tls;

pub use client::{AllowedHosts, Client, Outgoing, decode_user};
pub use retry::{Breaker, Outcome as AttemptOutcome};

use super::notifier::Shared;
use super::outbox::{self, Attempt, DeliveryState, Head, Lane};
use crate::Error;
use binnacle_storage::model::Timestamp;
use retry::Outcome;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Messages under way at one time, over all integrations.
const ATTEMPTS_MAX: usize = 64;

/// The outbox is looked at this often even if nothing says so: a clock may have been set.
const LOOK_INTERVAL: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 500 });

/// When stopping, messages under way get so long to be answered. Those that are not go again at the next start.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

pub struct Delivery {
    shared: Arc<Shared>,
    under_way: JoinSet<Done>,
    busy: HashSet<Lane>,
    breakers: HashMap<Lane, Breaker>,
    clients: HashMap<Lane, Client>,
}

/// An attempt that ended.
struct Done {
    head: Head,
    at: Timestamp,
    /// `None`: the integration is not configured any more.
    outcome: Option<Outcome>,
    client: Option<Client>,
}

impl Delivery {
    pub fn new(shared: Arc<Shared>) -> Delivery {
        Delivery {
            shared,
            under_way: JoinSet::new(),
            busy: HashSet::new(),
            breakers: HashMap::new(),
            clients: HashMap::new(),
        }
    }

    /// Delivers until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let commit = self.shared.store.next_commit();
            let patience = self.start_due().await.min(LOOK_INTERVAL);
            tokio::select! {
                () = stop.cancelled() => {}
                Some(done) = self.under_way.join_next() => self.finish(done).await,
                () = commit => {}
                () = tokio::time::sleep(patience) => {}
            }
        }
        let rest = async {
            while let Some(done) = self.under_way.join_next().await {
                self.finish(done).await;
            }
        };
        if tokio::time::timeout(STOP_PATIENCE, rest).await.is_err() {
            warn!("some notifications were not answered in time; they go again at the next start");
        }
    }

    /// Starts what is due; how long until something else is.
    async fn start_due(&mut self) -> Duration {
        let store = self.shared.store.clone();
        let read = move || store.read("list waiting notifications", outbox::list_heads);
        let heads = match blocking(read).await {
            Ok(heads) => heads,
            Err(error) => {
                error!(%error, "failed to look for notifications to deliver");
                return LOOK_INTERVAL;
            }
        };
        let now = self.shared.clock.now();
        let room = ATTEMPTS_MAX - self.under_way.len();
        let (due, next) = plan(heads, &self.busy, &self.breakers, now);
        for head in due.into_iter().take(room) {
            self.busy.insert(head.lane.clone());
            let client = self.clients.get(&head.lane).cloned();
            self.under_way.spawn(attempt(Arc::clone(&self.shared), head, client, now));
        }
        let wait = next.map_or(i64::MAX, |next| next.0.saturating_sub(now.0));
        Duration::from_nanos(u64::try_from(wait).unwrap_or(0))
    }

    async fn finish(&mut self, done: Result<Done, tokio::task::JoinError>) {
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                // Its lane stays busy: what makes the attempt panic would do so again.
                error!(%error, "an attempt to deliver a notification ended abnormally");
                return;
            }
        };
        let Done { head, at, outcome, client } = done;
        if let Some(client) = client {
            self.clients.insert(head.lane.clone(), client);
        }
        self.busy.remove(&head.lane);
        let now = self.shared.clock.now();
        let breaker = self.breakers.entry(head.lane.clone()).or_default();
        let is_back = outcome.as_ref().is_some_and(|outcome| note(breaker, outcome, &head, now));
        self.shared.metrics.count(&head.lane, outcome.as_ref());
        let store = self.shared.store.clone();
        let write = move || {
            store.write("record a delivery", |tx| {
                match &outcome {
                    None => {
                        let why = "its integration is not configured any more";
                        outbox::give_up(tx, head.id, why, now)?;
                    }
                    Some(outcome) => {
                        let (state, next) = follow_up(outcome, &head, now);
                        let attempt = Attempt {
                            at,
                            elapsed: since(at, now),
                            status: outcome.status(),
                            error: outcome.error().map(str::to_owned),
                        };
                        outbox::record(tx, head.id, &attempt, state, next)?;
                    }
                }
                if is_back { outbox::retry_now(tx, &head.lane, now) } else { Ok(()) }
            })
        };
        if let Err(error) = blocking(write).await {
            // It goes again, with the same key.
            error!(%error, "failed to record a delivery");
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

/// The first due message of every lane that is free, and when the next of the others is due.
fn plan(
    heads: Vec<Head>,
    busy: &HashSet<Lane>,
    breakers: &HashMap<Lane, Breaker>,
    now: Timestamp,
) -> (Vec<Head>, Option<Timestamp>) {
    let mut due: Vec<Head> = Vec::new();
    let mut taken: HashSet<Lane> = busy.clone();
    let mut next: Option<Timestamp> = None;
    for head in heads {
        if taken.contains(&head.lane) {
            continue;
        }
        let open_until = breakers.get(&head.lane).and_then(Breaker::open_until);
        // A lane that is left alone is tried with its oldest message, whenever that was to go.
        let at = open_until.unwrap_or(head.next_attempt_at);
        if at <= now {
            taken.insert(head.lane.clone());
            due.push(head);
        } else {
            if open_until.is_some() {
                taken.insert(head.lane.clone());
            }
            next = Some(next.map_or(at, |next| next.min(at)));
        }
    }
    (due, next)
}

/// One attempt, from the configuration as it is now.
async fn attempt(shared: Arc<Shared>, head: Head, client: Option<Client>, at: Timestamp) -> Done {
    let configuration = shared.configuration();
    let receiver = configuration.find_receiver(&head.lane.receiver);
    let integrations = receiver.map_or(&[][..], |receiver| &receiver.integrations);
    let found = integrations.iter().find(|known| known.name == head.lane.integration);
    let Some(integration) = found else {
        return Done { head, at, outcome: None, client: None };
    };
    let failed = |error: String| Outcome::Failed { status: None, error, retry_after: None };
    let client = match client.filter(|client| client.is_of(&integration.http)) {
        Some(client) => client,
        None => {
            let http = integration.http.clone();
            match blocking(move || Client::new(&http)).await {
                Ok(client) => client,
                Err(error) => return Done { head, at, outcome: Some(failed(error)), client: None },
            }
        }
    };
    let (store, id) = (shared.store.clone(), head.id);
    let read = move || {
        store.read("read a notification", |connection| outbox::read_content(connection, id))
    };
    let outcome = match blocking(read).await {
        Ok(content) => {
            let clock = shared.clock.as_ref();
            send::send(&client, integration, &content, &shared.allowed_hosts, clock).await
        }
        Err(error) => failed(error.to_string()),
    };
    Done { head, at, outcome: Some(outcome), client: Some(client) }
}

/// Tells the breaker and the log. `true`: the receiver answers again.
fn note(breaker: &mut Breaker, outcome: &Outcome, head: &Head, now: Timestamp) -> bool {
    let Lane { receiver, integration, .. } = &head.lane;
    match outcome {
        Outcome::Failed { error, retry_after, .. } => {
            if breaker.fail(now, head.id.unsigned_abs(), *retry_after) {
                warn!(receiver, integration, error, "a receiver fails: it is tried now and then");
            }
            false
        }
        Outcome::Refused { error, status } => {
            warn!(receiver, integration, error, "a notification was refused");
            status.is_some() && breaker.succeed()
        }
        Outcome::Delivered { .. } => {
            let was_failing = breaker.succeed();
            if was_failing {
                info!(receiver, integration, "a receiver that failed takes notifications again");
            }
            was_failing
        }
    }
}

fn follow_up(outcome: &Outcome, head: &Head, now: Timestamp) -> (DeliveryState, Timestamp) {
    match outcome {
        Outcome::Delivered { .. } => (DeliveryState::Delivered, now),
        Outcome::Refused { .. } => (DeliveryState::Refused, now),
        Outcome::Failed { .. } if head.created_at.saturating_add(outbox::AGE_MAX) <= now => {
            (DeliveryState::GivenUp, now)
        }
        Outcome::Failed { retry_after, .. } => {
            let seed = head.id.unsigned_abs();
            (
                DeliveryState::Waiting,
                retry::next_attempt(now, head.attempts + 1, seed, *retry_after),
            )
        }
    }
}

fn since(at: Timestamp, now: Timestamp) -> Duration {
    Duration::from_nanos(u64::try_from(now.0.saturating_sub(at.0)).unwrap_or(0))
}

/// Runs what blocks where that is no harm.
pub(super) async fn blocking<T: Send + 'static, E: From<Stopped> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Stopped.into()))
}

/// The runtime is going down, or the work panicked.
pub struct Stopped;

impl From<Stopped> for String {
    fn from(_: Stopped) -> String {
        "the work was cut off".to_owned()
    }
}

impl From<Stopped> for Error {
    fn from(_: Stopped) -> Error {
        Error::Stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(id: i64, receiver: &str, next: i64) -> Head {
        let lane = Lane {
            tenant: Default::default(),
            receiver: receiver.to_owned(),
            integration: "webhook[0]".to_owned(),
        };
        Head { id, lane, attempts: 0, created_at: Timestamp(0), next_attempt_at: Timestamp(next) }
    }

    /// Ids that start at 10, and when the next is due.
    fn check(
        heads: &[Head],
        busy: &[&Head],
        breakers: HashMap<Lane, Breaker>,
        expected: (&[i64], Option<i64>),
    ) {
        let busy = busy.iter().map(|head| head.lane.clone()).collect();
        let (due, next) = plan(heads.to_vec(), &busy, &breakers, Timestamp(10));
        let due: Vec<i64> = due.iter().map(|head| head.id).collect();
        assert_eq!((&due[..], next.map(|next| next.0)), expected);
    }

    #[test]
    fn each_lane_has_one_message_under_way_and_the_oldest_goes_first() {
        let heads = [
            head(1, "a", 20),
            head(2, "a", 5),
            head(3, "a", 5),
            head(4, "b", 10),
            head(5, "c", 15),
        ];
        check(&heads, &[], HashMap::new(), (&[2, 4], Some(15)));
        check(&heads, &[&heads[3]], HashMap::new(), (&[2], Some(15)));
        check(&heads, &[&heads[0], &heads[3], &heads[4]], HashMap::new(), (&[], None));
    }

    #[test]
    fn a_lane_that_is_left_alone_waits_and_then_tries_its_oldest() {
        let heads = [head(1, "a", 9_000_000_000), head(2, "a", 5)];
        let open = |until: i64| {
            let mut breaker = Breaker::default();
            let wait = Duration::from_nanos(until.unsigned_abs());
            breaker.fail(Timestamp(0), 1, Some(wait.max(Duration::from_secs(1))));
            HashMap::from([(heads[0].lane.clone(), breaker)])
        };
        check(&heads, &[], open(2_000_000_000), (&[], Some(2_000_000_000)));
        let breakers = open(1_000_000_000);
        let (due, _) = plan(heads.to_vec(), &HashSet::new(), &breakers, Timestamp(1_000_000_000));
        assert_eq!(due.iter().map(|head| head.id).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn what_fails_is_tried_until_it_is_too_old() {
        let failed = Outcome::Failed { status: Some(500), error: String::new(), retry_after: None };
        let (state, next) = follow_up(&failed, &head(1, "a", 0), Timestamp(10));
        assert_eq!(state, DeliveryState::Waiting);
        assert!(next > Timestamp(10));
        let late = Timestamp(0).saturating_add(outbox::AGE_MAX);
        assert_eq!(follow_up(&failed, &head(1, "a", 0), late).0, DeliveryState::GivenUp);
    }
}
