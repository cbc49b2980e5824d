//! Other Alertmanagers: every alert of our own is kept known to each of them, as a Prometheus server would.
//!
//! What is sent is the state, not the change: an alert is sent when it changed, and while it fires again and again, so that
//! it ends there by itself if we do not come back. The end of an alert is sent until it was taken.

use super::configuration::{Credentials, HttpConfig, Secret, SecretSource};
use super::delivery::{
    AllowedHosts, AttemptOutcome, Breaker, Client, Outgoing, blocking, decode_user,
};
use super::message::{hex, time};
use super::notifier::Shared;
use super::received::{self, Received};
use crate::Alert;
use binnacle_storage::Clock;
use binnacle_storage::model::{TenantId, Timestamp};
use ring::digest;
use rusqlite::{Connection, Transaction, params};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use url::Url;

/// A firing alert is sent again after this time.
const RESEND: Duration = Duration::from_secs(60);

/// So long after it was sent last, a firing alert is over for the other side.
const FIRING_FOR: Duration = Duration::from_secs(4 * 60);

/// Alerts in one request.
const BATCH_MAX: usize = 256;

/// Alerts are looked at this often.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

const TIMEOUT: Duration = Duration::from_secs(10);

/// One other Alertmanager.
#[derive(Debug, Clone)]
pub struct Target {
    /// Names it in the table, where no secret belongs.
    id: String,
    url: String,
    http: HttpConfig,
}

impl Target {
    /// Reads an address such as `http://user:password@alertmanager:9093/prefix`.
    pub fn parse(text: &str) -> Result<Target, String> {
        let wrong = |why: String| format!("alerting.alertmanagers has an address that {why}");
        super::configuration::check_url(text).map_err(wrong)?;
        let mut url = Url::parse(text).map_err(|error| wrong(format!("is none: {error}")))?;
        let credentials = (!url.username().is_empty()).then(|| Credentials::Basic {
            username: decode_user(url.username()),
            password: url.password().map(|p| SecretSource::Given(Secret::new(decode_user(p)))),
        });
        // These fail only for addresses without a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let url = format!("{}/api/v2/alerts", url.as_str().trim_end_matches('/'));
        let id = hex(&digest::digest(&digest::SHA256, url.as_bytes()).as_ref()[..8]);
        Ok(Target { id, url, http: HttpConfig { credentials, ..HttpConfig::default() } })
    }

    /// Where alerts are sent, without credentials.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// An alert that is to be sent.
type Due = (TenantId, Received);

/// Keeps one of them up to date until `stop`.
pub async fn run(shared: Arc<Shared>, target: Target, stop: CancellationToken) {
    let http = target.http.clone();
    let client = match blocking(move || Client::new(&http)).await {
        Ok(client) => client,
        Err(error) => return error!(error, "another Alertmanager cannot be sent to"),
    };
    let mut breaker = Breaker::default();
    loop {
        let now = shared.clock.now();
        let wait = breaker.open_until().map_or(0, |until| until.0.saturating_sub(now.0));
        let pause = LOOK_INTERVAL.max(Duration::from_nanos(u64::try_from(wait).unwrap_or(0)));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        // What is left of a large number goes without a pause.
        while send_due(&shared, &target, &client, &mut breaker).await && !stop.is_cancelled() {}
    }
}

/// Sends what is due, not more than one batch. `true`: there may be more.
async fn send_due(
    shared: &Arc<Shared>,
    target: &Target,
    client: &Client,
    breaker: &mut Breaker,
) -> bool {
    let now = shared.clock.now();
    let (store, id) = (shared.store.clone(), target.id.clone());
    let read = move || store.read("list alerts to pass on", |tx| list_due(tx, &id, now));
    let due = match blocking(read).await {
        Ok(due) if due.is_empty() => return false,
        Ok(due) => due,
        Err(error) => {
            error!(%error, "failed to list alerts to pass on");
            return false;
        }
    };
    let clock = shared.clock.as_ref();
    let outcome = post(target, client, &due, &shared.allowed_hosts, clock, now).await;
    shared.metrics.count_forward(due.len(), &outcome);
    match outcome {
        AttemptOutcome::Delivered { .. } => {
            if breaker.succeed() {
                info!(target = target.id, "another Alertmanager takes alerts again");
            }
        }
        // What it does not want is not sent again until it changes.
        AttemptOutcome::Refused { error, .. } => {
            warn!(target = target.id, error, "another Alertmanager refused alerts");
        }
        AttemptOutcome::Failed { error, retry_after, .. } => {
            let seed = due.len() as u64;
            if breaker.fail(shared.clock.now(), seed, retry_after) {
                warn!(target = target.id, error, "another Alertmanager cannot be reached");
            }
            return false;
        }
    }
    let (store, id, more) = (shared.store.clone(), target.id.clone(), due.len() == BATCH_MAX);
    let write = move || store.write("record alerts passed on", |tx| record(tx, &id, &due, now));
    if let Err(error) = blocking(write).await {
        error!(%error, "failed to record alerts that were passed on");
        return false;
    }
    more
}

async fn post(
    target: &Target,
    client: &Client,
    due: &[Due],
    allowed: &AllowedHosts,
    clock: &dyn Clock,
    now: Timestamp,
) -> AttemptOutcome {
    let body: Value = due.iter().map(|(_, received)| render(&received.alert, now)).collect();
    let outgoing = Outgoing {
        url: target.url.clone(),
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: body.to_string(),
        timeout: TIMEOUT,
    };
    match client.post(&outgoing, allowed, clock).await {
        Ok(answer) => answer.judge(),
        Err(outcome) => outcome,
    }
}

fn render(alert: &Alert, now: Timestamp) -> Value {
    let ends_at = match alert.is_resolved(now) {
        true => alert.ends_at,
        false => now.saturating_add(FIRING_FOR),
    };
    json!({
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": time::millis(alert.starts_at),
        "endsAt": time::millis(ends_at),
        "generatorURL": alert.generator_url,
    })
}

/// Alerts of our own that changed since they were sent to this target, or fire and were sent long ago.
fn list_due(connection: &Connection, target: &str, now: Timestamp) -> rusqlite::Result<Vec<Due>> {
    let sql = format!(
        "SELECT a.tenant, {} FROM notify_alerts a LEFT JOIN notify_forwards f \
         ON f.target = ?1 AND f.tenant = a.tenant AND f.fingerprint = a.fingerprint \
         WHERE a.is_own AND (f.sequence IS NULL OR f.sequence < a.sequence \
         OR (a.ends_at > ?2 AND f.sent_at <= ?3) OR (a.ends_at <= ?2 AND a.ends_at > f.sent_at)) \
         ORDER BY a.sequence LIMIT ?4",
        received::columns("a.")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let wanted = params![target, now.0, now.saturating_sub(RESEND).0, BATCH_MAX];
    let rows = statement
        .query_map(wanted, |row| Ok((received::read_tenant(row)?, received::read(row, 1)?)))?;
    rows.collect()
}

fn record(
    tx: &Transaction<'_>,
    target: &str,
    sent: &[Due],
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO notify_forwards VALUES (?, ?, ?, ?, ?)";
    let mut statement = tx.prepare_cached(sql)?;
    for (tenant, received) in sent {
        let fingerprint = received.alert.fingerprint().0.cast_signed();
        let row = params![target, tenant.as_str(), fingerprint, received.sequence, now.0];
        statement.execute(row)?;
    }
    Ok(())
}

/// Forgets what was sent of alerts that are gone.
pub fn sweep(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM notify_forwards WHERE NOT EXISTS (SELECT 1 FROM notify_alerts a \
         WHERE a.tenant = notify_forwards.tenant AND a.fingerprint = notify_forwards.fingerprint)",
        [],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{Origin, receive, receive_from};
    use crate::{LabelSet, Store};

    const SECOND: i64 = 1_000_000_000;

    fn alert(name: &str, ends_at: i64) -> Alert {
        Alert {
            labels: LabelSet::from([("alertname".to_owned(), name.to_owned())]),
            annotations: LabelSet::new(),
            starts_at: Timestamp(SECOND),
            ends_at: Timestamp(ends_at * SECOND),
            generator_url: String::new(),
        }
    }

    #[test]
    fn changes_are_due_at_once_and_firing_alerts_again_and_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("alerting.sqlite")).unwrap();
        let tenant = TenantId::default();
        let due = |now: i64, is_taken: bool| -> Vec<String> {
            let now = Timestamp(now * SECOND);
            let due = store.read("due", |connection| list_due(connection, "t", now)).unwrap();
            if is_taken {
                store.write("record", |tx| record(tx, "t", &due, now)).unwrap();
            }
            due.iter().map(|(_, received)| received.alert.labels["alertname"].clone()).collect()
        };
        let receive = |alert: Alert, now: i64| {
            let now = Timestamp(now * SECOND);
            store.write("receive", |tx| receive(tx, &tenant, &[alert], now)).unwrap();
        };
        receive(alert("a", 500), 1);
        receive(alert("b", 200), 2);
        store
            .write("receive", |tx| {
                let from = [alert("theirs", 500)];
                receive_from(tx, &tenant, Origin::Api, &from, Timestamp(2 * SECOND))
            })
            .unwrap();
        assert_eq!(due(3, false), ["a", "b"], "not what others sent here");
        assert_eq!(due(4, true), ["a", "b"]);
        assert_eq!(due(5, true), [""; 0]);
        receive(alert("a", 6), 6);
        assert_eq!(due(7, true), ["a"], "its end");
        assert_eq!(due(80, true), ["b"], "again");
        assert_eq!(due(199, true), ["b"]);
        assert_eq!(due(201, true), ["b"], "nobody renewed it: its end");
        assert_eq!(due(400, true), [""; 0]);
        store.write("forget", |tx| tx.execute("DELETE FROM notify_alerts", [])).unwrap();
        store.write("sweep", sweep).unwrap();
        let count = "SELECT count(*) FROM notify_forwards";
        let left = store.read("count", |c| c.query_row(count, [], |row| row.get::<_, i64>(0)));
        assert_eq!(left.unwrap(), 0);
    }

    #[test]
    fn addresses_keep_their_credentials_to_themselves() {
        let target = Target::parse("http://me:p%40ss@am.example:9093/prefix/").unwrap();
        assert_eq!(target.url, "http://am.example:9093/prefix/api/v2/alerts");
        let expected = Credentials::Basic {
            username: "me".to_owned(),
            password: Some(SecretSource::Given(Secret::new("p@ss"))),
        };
        assert_eq!(target.http.credentials, Some(expected));
        assert!(!format!("{target:?}").contains("p@ss"));
        for wrong in ["am:9093", "ftp://am", ""] {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_firing_alert_ends_in_the_future() {
        let sent = render(&alert("a", 1000), Timestamp(10 * SECOND));
        assert_eq!(sent["endsAt"], "1970-01-01T00:04:10.000Z");
        let sent = render(&alert("a", 5), Timestamp(10 * SECOND));
        assert_eq!(sent["endsAt"], "1970-01-01T00:00:05.000Z");
    }
}
