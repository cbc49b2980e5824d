//! The outbox: messages that are to be delivered, and what became of each, attempt by attempt.
//!
//! A message is written in the transaction that notes it as said, so that a crash neither loses nor repeats it. It waits
//! behind the earlier ones of its integration and group until it is delivered, refused or given up.

use binnacle_storage::model::{TenantId, Timestamp};
use rusqlite::{Connection, Row, Transaction, params};
use std::time::Duration;

/// Most messages that wait for one integration; past it the oldest are given up.
pub const WAITING_MAX: usize = 10_000;

/// A message that could not be delivered for so long is given up.
pub const AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Messages that are done are remembered so long, and not more than so many.
pub const FINISHED_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
pub const FINISHED_MAX: usize = 20_000;

/// Most rows of all tenants and integrations that a query of them reads.
pub const ROWS_MAX: usize = 50_000;

/// Attempts remembered of one message: the first few and the last.
const ATTEMPTS_FIRST: i64 = 20;
const ATTEMPTS_LAST: i64 = 80;

/// A message as it is put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub receiver: String,
    pub integration: String,
    pub group_key: String,
    pub idempotency_key: String,
    pub is_firing: bool,
    pub reason: &'static str,
    pub alerts: usize,
    pub content_type: &'static str,
    pub body: String,
}

/// Messages of one lane are delivered one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    pub tenant: TenantId,
    pub receiver: String,
    pub integration: String,
}

/// The next message of one group of a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub id: i64,
    pub lane: Lane,
    pub attempts: u32,
    pub created_at: Timestamp,
    pub next_attempt_at: Timestamp,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub idempotency_key: String,
    pub content_type: String,
    pub body: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    Waiting,
    Delivered,
    /// The receiver does not want it; trying again would not help.
    Refused,
    /// It waited too long, among too many, or its integration is gone.
    GivenUp,
}

impl DeliveryState {
    pub fn text(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Refused => "refused",
            DeliveryState::GivenUp => "given_up",
        }
    }

    pub fn parse(text: &str) -> Option<DeliveryState> {
        use DeliveryState::{Delivered, GivenUp, Refused, Waiting};
        [Waiting, Delivered, Refused, GivenUp].into_iter().find(|state| state.text() == text)
    }
}

/// One attempt, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub at: Timestamp,
    pub elapsed: Duration,
    pub status: Option<u16>,
    pub error: Option<String>,
}

/// A message as the delivery log shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: i64,
    pub receiver: String,
    pub integration: String,
    pub group_key: String,
    pub idempotency_key: String,
    pub status: String,
    pub reason: String,
    pub alerts: i64,
    pub body: String,
    pub created_at: Timestamp,
    pub state: String,
    pub attempt_count: i64,
    pub next_attempt_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub error: Option<String>,
    /// With their numbers, oldest first.
    pub attempts: Vec<(i64, Attempt)>,
}

/// Puts a message in. `refused`: it cannot be sent, and is only recorded.
pub fn insert(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    message: &Message,
    refused: Option<&str>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let state = if refused.is_some() { DeliveryState::Refused } else { DeliveryState::Waiting };
    tx.prepare_cached(
        "INSERT INTO notify_deliveries (tenant, receiver, integration, group_key, idempotency_key, status, reason, \
         alerts, content_type, body, created_at, state, attempts, next_attempt_at, finished_at, error) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
    )?
    .execute(params![
        tenant.as_str(),
        message.receiver,
        message.integration,
        message.group_key,
        message.idempotency_key,
        if message.is_firing { "firing" } else { "resolved" },
        message.reason,
        message.alerts,
        message.content_type,
        message.body,
        now.0,
        state.text(),
        now.0,
        refused.map(|_| now.0),
        refused,
    ])?;
    Ok(())
}

/// The next message of every group of every lane.
pub fn list_heads(connection: &Connection) -> rusqlite::Result<Vec<Head>> {
    let sql = "SELECT tenant, min(id), receiver, integration, attempts, created_at, next_attempt_at \
               FROM notify_deliveries WHERE state = 'waiting' \
               GROUP BY tenant, receiver, integration, group_key ORDER BY 2";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(Head {
            id: row.get(1)?,
            lane: Lane {
                tenant: super::received::read_tenant(row)?,
                receiver: row.get(2)?,
                integration: row.get(3)?,
            },
            attempts: row.get(4)?,
            created_at: Timestamp(row.get(5)?),
            next_attempt_at: Timestamp(row.get(6)?),
        })
    })?;
    rows.collect()
}

pub fn read_content(connection: &Connection, id: i64) -> rusqlite::Result<Content> {
    let sql = "SELECT idempotency_key, content_type, body FROM notify_deliveries WHERE id = ?";
    connection.prepare_cached(sql)?.query_row([id], |row| {
        Ok(Content { idempotency_key: row.get(0)?, content_type: row.get(1)?, body: row.get(2)? })
    })
}

/// Records an attempt; a message that goes on waiting is tried again at `next_attempt_at`.
pub fn record(
    tx: &Transaction<'_>,
    id: i64,
    attempt: &Attempt,
    state: DeliveryState,
    next_attempt_at: Timestamp,
) -> rusqlite::Result<()> {
    let number: i64 = tx
        .prepare_cached(
            "UPDATE notify_deliveries SET attempts = attempts + 1, state = ?, error = ?, next_attempt_at = ?, \
             finished_at = ? WHERE id = ? RETURNING attempts",
        )?
        .query_row(
            params![
                state.text(),
                attempt.error,
                next_attempt_at.0,
                (state != DeliveryState::Waiting).then_some(attempt.at.saturating_add(attempt.elapsed).0),
                id
            ],
            |row| row.get(0),
        )?;
    tx.prepare_cached("INSERT INTO notify_attempts VALUES (?, ?, ?, ?, ?, ?)")?.execute(
        params![
            id,
            number,
            attempt.at.0,
            i64::try_from(attempt.elapsed.as_nanos()).unwrap_or(i64::MAX),
            attempt.status,
            attempt.error,
        ],
    )?;
    let forgotten = number - ATTEMPTS_LAST;
    if forgotten > ATTEMPTS_FIRST {
        let sql = "DELETE FROM notify_attempts WHERE delivery = ? AND number = ?";
        tx.prepare_cached(sql)?.execute([id, forgotten])?;
    }
    Ok(())
}

/// Ends a message without another attempt.
pub fn give_up(tx: &Transaction<'_>, id: i64, why: &str, now: Timestamp) -> rusqlite::Result<()> {
    let sql =
        "UPDATE notify_deliveries SET state = 'given_up', error = ?, finished_at = ? WHERE id = ?";
    tx.prepare_cached(sql)?.execute(params![why, now.0, id])?;
    Ok(())
}

/// The receiver is back: everything that waits for it may go, in order.
pub fn retry_now(tx: &Transaction<'_>, lane: &Lane, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "UPDATE notify_deliveries SET next_attempt_at = min(next_attempt_at, ?) \
               WHERE state = 'waiting' AND tenant = ? AND receiver = ? AND integration = ?";
    tx.prepare_cached(sql)?.execute(params![
        now.0,
        lane.tenant.as_str(),
        lane.receiver,
        lane.integration
    ])?;
    Ok(())
}

/// Gives up what waits too long or among too many, and forgets what was done long ago. Says how many were given up.
pub fn sweep(tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<usize> {
    let too_old = tx.execute(
        "UPDATE notify_deliveries SET state = 'given_up', finished_at = ?1, \
         error = coalesce(error, 'no attempt was made in time') WHERE state = 'waiting' AND created_at < ?2",
        params![now.0, now.saturating_sub(AGE_MAX).0],
    )?;
    let too_many = tx.execute(
        "UPDATE notify_deliveries SET state = 'given_up', finished_at = ?1, \
         error = 'too many later messages wait for this receiver' WHERE id IN (SELECT id FROM (SELECT id, \
         row_number() OVER (PARTITION BY tenant, receiver, integration ORDER BY id DESC) AS place \
         FROM notify_deliveries WHERE state = 'waiting') WHERE place > ?2)",
        params![now.0, WAITING_MAX],
    )?;
    tx.execute(
        "DELETE FROM notify_deliveries WHERE state <> 'waiting' AND (finished_at < ?1 OR id <= coalesce((SELECT id \
         FROM notify_deliveries WHERE state <> 'waiting' ORDER BY id DESC LIMIT 1 OFFSET ?2), 0))",
        params![now.saturating_sub(FINISHED_KEPT).0, FINISHED_MAX],
    )?;
    Ok(too_old + too_many)
}

/// Which deliveries to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub receiver: Option<String>,
    pub state: Option<DeliveryState>,
    /// Only those before this one.
    pub before: Option<i64>,
    pub limit: usize,
}

pub fn list(
    connection: &Connection,
    tenant: &TenantId,
    filter: &Filter,
) -> rusqlite::Result<Vec<Delivery>> {
    let sql = "SELECT id, receiver, integration, group_key, idempotency_key, status, reason, alerts, body, created_at, \
               state, attempts, next_attempt_at, finished_at, error FROM notify_deliveries \
               WHERE tenant = ?1 AND (?2 IS NULL OR receiver = ?2) AND (?3 IS NULL OR state = ?3) \
               AND (?4 IS NULL OR id < ?4) ORDER BY id DESC LIMIT ?5";
    let mut statement = connection.prepare_cached(sql)?;
    let state = filter.state.map(DeliveryState::text);
    let wanted = params![tenant.as_str(), filter.receiver, state, filter.before, filter.limit];
    let mut deliveries =
        statement.query_map(wanted, read)?.collect::<rusqlite::Result<Vec<Delivery>>>()?;
    let sql = "SELECT number, at, elapsed, status, error FROM notify_attempts WHERE delivery = ? ORDER BY number";
    let mut statement = connection.prepare_cached(sql)?;
    for delivery in &mut deliveries {
        let attempts = statement.query_map([delivery.id], read_attempt)?;
        delivery.attempts = attempts.collect::<rusqlite::Result<_>>()?;
    }
    Ok(deliveries)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        id: row.get(0)?,
        receiver: row.get(1)?,
        integration: row.get(2)?,
        group_key: row.get(3)?,
        idempotency_key: row.get(4)?,
        status: row.get(5)?,
        reason: row.get(6)?,
        alerts: row.get(7)?,
        body: row.get(8)?,
        created_at: Timestamp(row.get(9)?),
        state: row.get(10)?,
        attempt_count: row.get(11)?,
        next_attempt_at: Timestamp(row.get(12)?),
        finished_at: row.get::<_, Option<i64>>(13)?.map(Timestamp),
        error: row.get(14)?,
        attempts: Vec::new(),
    })
}

fn read_attempt(row: &Row<'_>) -> rusqlite::Result<(i64, Attempt)> {
    let attempt = Attempt {
        at: Timestamp(row.get(1)?),
        elapsed: Duration::from_nanos(row.get::<_, i64>(2)?.unsigned_abs()),
        status: row.get(3)?,
        error: row.get(4)?,
    };
    Ok((row.get(0)?, attempt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    const HOUR: i64 = 3_600_000_000_000;

    struct Table {
        _folder: tempfile::TempDir,
        store: Store,
        tenant: TenantId,
    }

    impl Table {
        fn new() -> Table {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("alerting.sqlite")).unwrap();
            Table { _folder: folder, store, tenant: TenantId::default() }
        }

        fn insert(&self, receiver: &str, group: &str, key: &str, now: i64) {
            let message = Message {
                receiver: receiver.to_owned(),
                integration: "webhook[0]".to_owned(),
                group_key: group.to_owned(),
                idempotency_key: key.to_owned(),
                is_firing: true,
                reason: "first notification",
                alerts: 1,
                content_type: "application/json",
                body: "{}".to_owned(),
            };
            let insert =
                |tx: &Transaction<'_>| insert(tx, &self.tenant, &message, None, Timestamp(now));
            self.store.write("insert", insert).unwrap();
        }

        fn heads(&self) -> Vec<i64> {
            let heads = self.store.read("heads", list_heads).unwrap();
            heads.iter().map(|head| head.id).collect()
        }

        fn record(&self, id: i64, state: DeliveryState) {
            let attempt = Attempt {
                at: Timestamp(1),
                elapsed: Duration::from_nanos(2),
                status: Some(500),
                error: Some("no".to_owned()),
            };
            let record = |tx: &Transaction<'_>| record(tx, id, &attempt, state, Timestamp(99));
            self.store.write("record", record).unwrap();
        }

        fn list(&self, filter: &Filter) -> Vec<Delivery> {
            self.store.read("list", |connection| list(connection, &self.tenant, filter)).unwrap()
        }
    }

    #[test]
    fn a_message_waits_behind_the_earlier_ones_of_its_group() {
        let table = Table::new();
        for (group, key) in [("a", "1"), ("a", "2"), ("b", "3")] {
            table.insert("r", group, key, 0);
        }
        assert_eq!(table.heads(), [1, 3]);
        table.record(1, DeliveryState::Waiting);
        assert_eq!(table.heads(), [1, 3]);
        table.record(1, DeliveryState::Delivered);
        assert_eq!(table.heads(), [2, 3]);
        table.store.write("give up", |tx| give_up(tx, 2, "why", Timestamp(5))).unwrap();
        assert_eq!(table.heads(), [3]);
        let waiting = Filter { state: Some(DeliveryState::Waiting), limit: 9, ..Filter::default() };
        assert_eq!(table.list(&waiting).len(), 1);
        let all = table.list(&Filter { limit: 9, before: Some(3), ..Filter::default() });
        assert_eq!(all.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [2, 1]);
        assert_eq!((all[1].attempt_count, all[1].attempts.len()), (2, 2));
        assert_eq!(all[1].finished_at, Some(Timestamp(3)));
        let other = Filter { receiver: Some("other".to_owned()), limit: 9, ..Filter::default() };
        assert_eq!(table.list(&other), []);
    }

    #[test]
    fn a_key_is_put_in_once() {
        let table = Table::new();
        table.insert("r", "a", "1", 0);
        let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            table.insert("r", "a", "1", 0)
        }));
        assert!(again.is_err());
        assert_eq!(table.heads(), [1]);
    }

    #[test]
    fn many_attempts_leave_the_first_and_the_last() {
        let table = Table::new();
        table.insert("r", "a", "1", 0);
        for _ in 0..150 {
            table.record(1, DeliveryState::Waiting);
        }
        let delivery = table.list(&Filter { limit: 1, ..Filter::default() }).remove(0);
        assert_eq!(delivery.attempt_count, 150);
        let numbers: Vec<i64> = delivery.attempts.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (1..=20).chain(71..=150).collect::<Vec<_>>());
    }

    #[test]
    fn what_waits_too_long_is_given_up_and_what_is_done_is_forgotten() {
        let table = Table::new();
        table.insert("r", "a", "1", 0);
        table.insert("r", "a", "2", 20 * HOUR);
        let sweep =
            |hours: i64| table.store.write("sweep", |tx| sweep(tx, Timestamp(hours * HOUR)));
        assert_eq!(sweep(24).unwrap(), 0);
        assert_eq!(sweep(25).unwrap(), 1);
        assert_eq!(table.heads(), [2]);
        sweep(25 + 7 * 24 + 1).unwrap();
        let left = table.list(&Filter { limit: 9, ..Filter::default() });
        assert_eq!(left.iter().map(|delivery| &*delivery.state).collect::<Vec<_>>(), ["given_up"]);
    }

    #[test]
    fn a_receiver_that_is_back_gets_everything() {
        let table = Table::new();
        table.insert("r", "a", "1", 0);
        table.insert("s", "a", "2", 0);
        table.record(1, DeliveryState::Waiting);
        table.record(2, DeliveryState::Waiting);
        let head = table.store.read("heads", list_heads).unwrap().remove(0);
        table.store.write("retry", |tx| retry_now(tx, &head.lane, Timestamp(7))).unwrap();
        let next = table.store.read("heads", list_heads).unwrap();
        assert_eq!(next.iter().map(|head| head.next_attempt_at.0).collect::<Vec<_>>(), [7, 99]);
    }
}
