//! Statements about the groups of SLIs.

use super::blob::{self, Hour};
use super::grouping::{GroupHours, group_of, text_of};
use super::history::History;
use super::stored_prompt::{self, Place};
use super::tally::{StoredHour, Tally};
use binnacle_query::sli::SliGroup;
use binnacle_storage::model::TenantId;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::collections::{BTreeMap, BTreeSet};

/// Each group of an SLI with its slices, one after the other: together they may be too many.
pub(super) fn each_group(
    connection: &Connection,
    tenant: &TenantId,
    key: &str,
    from_hour: i64,
    mut take: impl FnMut(SliGroup, Tally),
) -> rusqlite::Result<()> {
    let sql = "SELECT member FROM slo_group WHERE tenant = ?1 AND key = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let members = statement.query_map([tenant.as_str(), key], |row| row.get::<_, String>(0))?;
    let sql = "SELECT hour, slices FROM slo_group_hour \
               WHERE tenant = ?1 AND key = ?2 AND member = ?3 AND hour >= ?4 ORDER BY hour";
    let mut statement = connection.prepare_cached(sql)?;
    for member in members {
        let member = member?;
        let Some(group) = group_of(&member) else { continue };
        let mut history = History::default();
        let mut hours = Vec::new();
        let mut rows = statement.query(params![tenant.as_str(), key, member, from_hour])?;
        while let Some(row) = rows.next()? {
            hours.push((row.get(0)?, read_hour(row, &member)?));
        }
        history.fill(hours);
        let place = Place { tenant, key, member: &member };
        let prompt = stored_prompt::list_hours(connection, place, from_hour)?;
        take(group, Tally::of(history).with_prompt(prompt));
    }
    Ok(())
}

/// Some hours of groups.
pub(super) fn find_hours(
    connection: &Connection,
    tenant: &TenantId,
    key: &str,
    wanted: GroupHours<BTreeSet<i64>>,
) -> rusqlite::Result<GroupHours<Vec<StoredHour>>> {
    let sql = "SELECT hour, slices FROM slo_group_hour \
               WHERE tenant = ?1 AND key = ?2 AND member = ?3 AND hour = ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = Vec::with_capacity(wanted.len());
    for (group, hours) in wanted {
        let member = text_of(&group);
        let mut slices = Vec::with_capacity(hours.len());
        for hour in hours {
            let of = params![tenant.as_str(), key, member, hour];
            let read = |row: &Row<'_>| read_hour(row, &member);
            if let Some(all) = statement.query_row(of, read).optional()? {
                let place = Place { tenant, key, member: &member };
                let prompt = stored_prompt::find_hour(connection, place, hour)?;
                slices.push(StoredHour { number: hour, all, prompt });
            }
        }
        found.push((group, slices));
    }
    Ok(found)
}

fn read_hour(row: &Row<'_>, member: &str) -> rusqlite::Result<Hour> {
    let (hour, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
    blob::decode(&bytes).ok_or_else(|| {
        let error = format!("the slices of hour {hour} of group {member} are damaged");
        let kind = rusqlite::types::Type::Blob;
        rusqlite::Error::FromSqlConversionFailure(1, kind, error.into())
    })
}

pub(super) fn add_group(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &str,
    group: &SliGroup,
) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO slo_group (tenant, key, member) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    tx.prepare_cached(sql)?.execute([tenant.as_str(), key, &text_of(group)])?;
    Ok(())
}

pub(super) fn delete_group(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &str,
    group: &SliGroup,
) -> rusqlite::Result<()> {
    let of = [tenant.as_str(), key, &text_of(group)];
    for table in ["slo_group", "slo_group_hour", "slo_prompt"] {
        let sql = format!("DELETE FROM {table} WHERE tenant = ?1 AND key = ?2 AND member = ?3");
        tx.prepare_cached(&sql)?.execute(of)?;
    }
    Ok(())
}

/// Forgets what is older than any evaluation looks back.
pub(super) fn delete_before<'a>(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &str,
    groups: impl Iterator<Item = &'a SliGroup>,
    hour: i64,
) -> rusqlite::Result<()> {
    let sql =
        "DELETE FROM slo_group_hour WHERE tenant = ?1 AND key = ?2 AND member = ?3 AND hour < ?4";
    let mut statement = tx.prepare_cached(sql)?;
    for group in groups {
        let member = text_of(group);
        statement.execute(params![tenant.as_str(), key, member, hour])?;
        stored_prompt::delete_before(tx, Place { tenant, key, member: &member }, hour)?;
    }
    Ok(())
}

/// Adds what was counted of a group.
pub(super) fn add_group_slices(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &str,
    group: &SliGroup,
    hours: BTreeMap<i64, Hour>,
    late: &BTreeMap<i64, Hour>,
) -> rusqlite::Result<()> {
    add_group(tx, tenant, key, group)?;
    let member = text_of(group);
    let place = Place { tenant, key, member: &member };
    for (hour, mut slices) in hours {
        let sql = "SELECT slices FROM slo_group_hour \
                   WHERE tenant = ?1 AND key = ?2 AND member = ?3 AND hour = ?4";
        let of = params![tenant.as_str(), key, member, hour];
        let before: Option<Vec<u8>> =
            tx.prepare_cached(sql)?.query_row(of, |row| row.get(0)).optional()?;
        let before = before.and_then(|bytes| blob::decode(&bytes)).unwrap_or_default();
        stored_prompt::add_to_hour(tx, place, hour, &before, &slices, late.get(&hour))?;
        for (number, count) in before {
            let sum = slices.entry(number).or_default();
            *sum = sum.plus(count);
        }
        let sql = "INSERT INTO slo_group_hour (tenant, key, member, hour, slices) \
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET slices = excluded.slices";
        let of = params![tenant.as_str(), key, member, hour, blob::encode(&slices)];
        tx.prepare_cached(sql)?.execute(of)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::history::Count;
    use crate::slo::{PROMPT_TABLES, TABLES};

    #[test]
    fn groups_come_back_with_their_slices() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        connection.execute_batch(PROMPT_TABLES).unwrap();
        let tenant = TenantId::default();
        let group = |name: &str| SliGroup(vec![name.to_owned(), String::new()]);
        let slice = |(at, good, total)| (at, Count::new(good, total));
        let tx = connection.transaction().unwrap();
        for _ in 0..2 {
            let hours = |of: &[(i64, u64, u64)]| blob::hours(of.iter().copied().map(slice));
            let (a, late) = (hours(&[(-1, 1, 2), (900, 3, 3)]), hours(&[(900, 1, 1)]));
            add_group_slices(&tx, &tenant, "k", &group("a"), a, &late).unwrap();
            let (rest, late) = (hours(&[(900, 0, 1)]), hours(&[]));
            add_group_slices(&tx, &tenant, "k", &SliGroup::overflow(), rest, &late).unwrap();
        }
        add_group(&tx, &tenant, "k", &group("b")).unwrap();
        add_group(&tx, &tenant, "other", &group("c")).unwrap();
        tx.commit().unwrap();
        let list = |connection: &Connection| {
            let mut found = BTreeMap::new();
            let take = |group, tally| drop(found.insert(group, tally));
            each_group(connection, &tenant, "k", i64::MIN, take).unwrap();
            found
        };
        let found = list(&connection);
        let names: Vec<SliGroup> = found.keys().cloned().collect();
        assert_eq!(names, [SliGroup::overflow(), group("a"), group("b")]);
        assert_eq!(found[&group("a")].events().at(-1), Count::new(2, 4));
        assert_eq!(found[&group("a")].events().at(900), Count::new(6, 6));
        let prompt = found[&group("a")].prompt_events().unwrap();
        assert_eq!((prompt.at(-1), prompt.at(900)), (Count::new(2, 4), Count::new(4, 4)));
        assert_eq!(found[&SliGroup::overflow()].events().at(900), Count::new(0, 2));
        assert!(found[&SliGroup::overflow()].prompt_events().is_none());
        assert!(found[&group("b")].events().is_empty());
        let wanted =
            vec![(group("a"), BTreeSet::from([-1, 0, 2])), (group("b"), BTreeSet::from([2]))];
        let hours = find_hours(&connection, &tenant, "k", wanted).unwrap();
        let slice = |at, good, total| Hour::from([(at, Count::new(good, total))]);
        let of_a = vec![
            StoredHour { number: -1, all: slice(359, 2, 4), prompt: None },
            StoredHour { number: 2, all: slice(180, 6, 6), prompt: Some(slice(180, 4, 4)) },
        ];
        assert_eq!(hours, [(group("a"), of_a), (group("b"), Vec::new())]);
        let tx = connection.transaction().unwrap();
        delete_before(&tx, &tenant, "k", [group("a")].iter(), 0).unwrap();
        tx.commit().unwrap();
        assert_eq!(list(&connection)[&group("a")].events().sum(-9..999), Count::new(6, 6));
        let tx = connection.transaction().unwrap();
        delete_group(&tx, &tenant, "k", &group("a")).unwrap();
        tx.commit().unwrap();
        let left = list(&connection);
        assert!(!left.contains_key(&group("a")) && left.len() == 2);
    }
}
