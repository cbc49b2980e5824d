//! Silences: alerts that match are not told of, from one moment to another.

use super::matcher::{self, MatchOperator, Matcher};
use crate::LabelSet;
use binnacle_storage::model::{TenantId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::time::Duration;

/// A silence is kept so long after it ended, as in Alertmanager.
pub const RETENTION: Duration = Duration::from_secs(120 * 60 * 60);

/// Most silences of a tenant, those that ended and are kept included.
pub const SILENCES_MAX: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Empty for one that is to be made.
    pub id: String,
    /// All must match.
    pub matchers: Vec<Matcher>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub updated_at: Timestamp,
    pub created_by: String,
    pub comment: String,
}

/// In the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SilenceState {
    Active,
    Pending,
    Expired,
}

impl Silence {
    pub fn state(&self, now: Timestamp) -> SilenceState {
        match () {
            () if now < self.starts_at => SilenceState::Pending,
            () if now > self.ends_at => SilenceState::Expired,
            () => SilenceState::Active,
        }
    }

    /// Whether it silences an alert with these labels now.
    pub fn mutes(&self, labels: &LabelSet, now: Timestamp) -> bool {
        self.state(now) == SilenceState::Active && matcher::matches_all(&self.matchers, labels)
    }

    /// What makes no sense, in words.
    fn check(&self, now: Timestamp) -> Result<(), String> {
        if self.starts_at >= self.ends_at {
            return Err("Failed to create silence: start time must be before end time".to_owned());
        }
        if self.ends_at < now {
            return Err("Failed to create silence: end time can't be in the past".to_owned());
        }
        if self.matchers.is_empty() {
            return Err("invalid silence: at least one matcher required".to_owned());
        }
        let takes_empty =
            |matcher: &Matcher| matcher.operator().is_equal() && matcher.matches_value("");
        if self.matchers.iter().all(takes_empty) {
            let message = "invalid silence: at least one matcher must not match the empty string";
            return Err(message.to_owned());
        }
        Ok(())
    }
}

/// Ids of the silences that mute these labels now.
pub fn silenced_by<'a>(silences: &'a [Silence], labels: &LabelSet, now: Timestamp) -> Vec<&'a str> {
    silences
        .iter()
        .filter(|silence| silence.mutes(labels, now))
        .map(|silence| silence.id.as_str())
        .collect()
}

/// Why a silence was not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is none by the id that was given.
    NotFound,
    Invalid(String),
}

/// Makes a silence, or changes the one with its id. One whose past would change by it ends instead, and a new one begins.
/// Returns the id.
pub fn set(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    mut silence: Silence,
    now: Timestamp,
) -> rusqlite::Result<Result<String, Refused>> {
    let refuse = |message: String| Ok(Err(Refused::Invalid(message)));
    if let Err(message) = silence.check(now) {
        return refuse(message);
    }
    let previous = match silence.id.is_empty() {
        true => None,
        false => match find(tx, tenant, &silence.id)? {
            None => return Ok(Err(Refused::NotFound)),
            found => found,
        },
    };
    silence.updated_at = now;
    if let Some(previous) = previous {
        if can_change(&previous, &silence, now) {
            write(tx, tenant, &silence)?;
            return Ok(Ok(silence.id));
        }
        write(tx, tenant, &expired(previous, now))?;
    } else if count(tx, tenant)? >= SILENCES_MAX {
        return refuse(format!("there are {SILENCES_MAX} silences already"));
    }
    silence.id = new_id();
    silence.starts_at = silence.starts_at.max(now);
    write(tx, tenant, &silence)?;
    Ok(Ok(silence.id))
}

/// Ends a silence. `false`: there is none.
pub fn expire(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    id: &str,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let Some(silence) = find(tx, tenant, id)? else { return Ok(false) };
    write(tx, tenant, &expired(silence, now))?;
    Ok(true)
}

/// The silence, ended now; one that has ended stays as it is.
fn expired(mut silence: Silence, now: Timestamp) -> Silence {
    match silence.state(now) {
        SilenceState::Expired => return silence,
        SilenceState::Active => {}
        SilenceState::Pending => silence.starts_at = now,
    }
    // The last moment it holds is before this one, so that it has ended for whoever looks now.
    silence.ends_at = Timestamp(now.0 - 1);
    silence.updated_at = now;
    silence
}

/// Whether nothing that was said of the past becomes untrue.
fn can_change(old: &Silence, new: &Silence, now: Timestamp) -> bool {
    let second = |time: Timestamp| time.0.div_euclid(1_000_000_000);
    old.matchers == new.matchers
        && match old.state(now) {
            SilenceState::Active => second(old.starts_at) == second(new.starts_at),
            SilenceState::Pending => new.starts_at >= now,
            SilenceState::Expired => false,
        }
}

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

// ---- the table ----

const COLUMNS: &str = "id, matchers, starts_at, ends_at, updated_at, created_by, comment";

/// All that are kept, in the order of their ids.
pub fn list(connection: &Connection, tenant: &TenantId) -> rusqlite::Result<Vec<Silence>> {
    let sql = format!("SELECT {COLUMNS} FROM notify_silences WHERE tenant = ? ORDER BY id");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map([tenant.as_str()], read)?.collect()
}

pub fn find(
    connection: &Connection,
    tenant: &TenantId,
    id: &str,
) -> rusqlite::Result<Option<Silence>> {
    let sql = format!("SELECT {COLUMNS} FROM notify_silences WHERE tenant = ? AND id = ?");
    connection.prepare_cached(&sql)?.query_row([tenant.as_str(), id], read).optional()
}

/// Forgets those that ended long ago.
pub fn forget_old(tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<usize> {
    let before = now.saturating_sub(RETENTION).0;
    tx.execute("DELETE FROM notify_silences WHERE ends_at < ?", [before])
}

fn count(tx: &Transaction<'_>, tenant: &TenantId) -> rusqlite::Result<usize> {
    let sql = "SELECT count(*) FROM notify_silences WHERE tenant = ?";
    tx.query_row(sql, [tenant.as_str()], |row| row.get(0))
}

fn write(tx: &Transaction<'_>, tenant: &TenantId, silence: &Silence) -> rusqlite::Result<()> {
    let matchers: Vec<(&str, bool, bool, &str)> = silence
        .matchers
        .iter()
        .map(|m| (m.name(), m.operator().is_equal(), m.operator().is_regex(), m.value()))
        .collect();
    let sql = format!(
        "INSERT OR REPLACE INTO notify_silences (tenant, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    );
    tx.prepare_cached(&sql)?.execute(params![
        tenant.as_str(),
        silence.id,
        serde_json::to_string(&matchers).expect("text is always written as JSON"),
        silence.starts_at.0,
        silence.ends_at.0,
        silence.updated_at.0,
        silence.created_by,
        silence.comment,
    ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Silence> {
    let text: String = row.get(1)?;
    let matchers = decode_matchers(&text).map_err(|message| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, message.into())
    })?;
    Ok(Silence {
        id: row.get(0)?,
        matchers,
        starts_at: Timestamp(row.get(2)?),
        ends_at: Timestamp(row.get(3)?),
        updated_at: Timestamp(row.get(4)?),
        created_by: row.get(5)?,
        comment: row.get(6)?,
    })
}

fn decode_matchers(text: &str) -> Result<Vec<Matcher>, String> {
    let stored: Vec<(String, bool, bool, String)> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    stored
        .iter()
        .map(|(name, is_equal, is_regex, value)| {
            Matcher::new(name, MatchOperator::of(*is_equal, *is_regex), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    fn silence(matchers: &str, starts_at: i64, ends_at: i64) -> Silence {
        Silence {
            id: String::new(),
            matchers: matcher::parse_list(matchers).unwrap(),
            starts_at: seconds(starts_at),
            ends_at: seconds(ends_at),
            updated_at: Timestamp(0),
            created_by: "me".to_owned(),
            comment: "why".to_owned(),
        }
    }

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000_000)
    }

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

        fn set(&self, silence: &Silence, now: i64) -> Result<String, Refused> {
            let set = |tx: &Transaction<'_>| set(tx, &self.tenant, silence.clone(), seconds(now));
            self.store.write("set", set).unwrap()
        }

        fn expire(&self, id: &str, now: i64) -> bool {
            self.store.write("expire", |tx| expire(tx, &self.tenant, id, seconds(now))).unwrap()
        }

        /// State and end in seconds of each.
        fn states(&self, now: i64) -> Vec<(SilenceState, i64)> {
            let all = self.store.read("list", |connection| list(connection, &self.tenant)).unwrap();
            let of = |s: &Silence| (s.state(seconds(now)), (s.ends_at.0 + 1) / 1_000_000_000);
            all.iter().map(of).collect()
        }
    }

    #[test]
    fn a_silence_mutes_what_matches_while_it_lasts() {
        let table = Table::new();
        table.set(&silence("job=~\"a|b\",x!=1", 5, 20), 10).unwrap();
        let all = table.store.read("list", |c| list(c, &table.tenant)).unwrap();
        let labels = |job: &str| LabelSet::from([("job".to_owned(), job.to_owned())]);
        assert_eq!(silenced_by(&all, &labels("a"), seconds(15)).len(), 1);
        assert_eq!(silenced_by(&all, &labels("c"), seconds(15)).len(), 0);
        assert_eq!(
            silenced_by(&all, &labels("a"), seconds(9)).len(),
            0,
            "it begins when it was set"
        );
        assert_eq!(silenced_by(&all, &labels("a"), seconds(21)).len(), 0);
    }

    #[test]
    fn changes_keep_the_past_true() {
        use SilenceState::{Active, Expired};
        let table = Table::new();
        let first = table.set(&silence("a=b", 10, 20), 10).unwrap();
        let mut longer = silence("a=b", 10, 40);
        longer.id.clone_from(&first);
        assert_eq!(table.set(&longer, 15), Ok(first.clone()), "its end may move");
        let mut other = silence("a=c", 10, 50);
        other.id.clone_from(&first);
        assert_ne!(table.set(&other, 16), Ok(first.clone()), "its matchers may not");
        assert_eq!(table.states(16), [(Expired, 16), (Active, 50)]);
        assert!(table.expire(&first, 17));
        assert_eq!(table.states(17)[0], (Expired, 16), "it ended before");
        assert!(!table.expire("gone", 17));
    }

    #[test]
    fn expiring_ends_active_and_pending_ones_at_once() {
        let table = Table::new();
        let active = table.set(&silence("a=b", 10, 20), 10).unwrap();
        let pending = table.set(&silence("a=b", 15, 20), 10).unwrap();
        assert!(table.expire(&active, 12) && table.expire(&pending, 12));
        assert!(
            table
                .states(12)
                .iter()
                .all(|(state, end)| { *state == SilenceState::Expired && *end == 12 })
        );
        let forget = |tx: &Transaction<'_>| forget_old(tx, seconds(121 * 60 * 60));
        assert_eq!(table.store.write("forget", forget).unwrap(), 2);
    }

    #[test]
    fn nonsense_is_refused() {
        let table = Table::new();
        let refused =
            |silence: &Silence| matches!(table.set(silence, 10), Err(Refused::Invalid(_)));
        assert!(refused(&silence("a=b", 20, 20)));
        assert!(refused(&silence("a=b", 5, 9)));
        assert!(refused(&silence("", 5, 20)));
        assert!(refused(&silence("a=\"\",b=~\".*\"", 5, 20)));
        assert!(!refused(&silence("a!=x", 5, 20)));
        let mut unknown = silence("a=b", 5, 20);
        unknown.id = "gone".to_owned();
        assert_eq!(table.set(&unknown, 10), Err(Refused::NotFound));
    }
}
