//! Statements about the groups of SLIs.

use super::blob::{self, Hour};
use super::grouping::{GroupHours, group_of, text_of};
use super::history::{Count, History};
use binnacle_query::sli::SliGroup;
use binnacle_storage::model::TenantId;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::collections::BTreeSet;

/// Each group of an SLI with its slices, one after the other: together they may be too many.
pub(super) fn each_group(
    connection: &Connection,
    tenant: &TenantId,
    key: &str,
    from_hour: i64,
    mut take: impl FnMut(SliGroup, History),
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
        take(group, history);
    }
    Ok(())
}

/// Some hours of groups.
pub(super) fn find_hours(
    connection: &Connection,
    tenant: &TenantId,
    key: &str,
    wanted: GroupHours<BTreeSet<i64>>,
) -> rusqlite::Result<GroupHours<Vec<(i64, Hour)>>> {
    let sql = "SELECT hour, slices FROM slo_group_hour \
               WHERE tenant = ?1 AND key = ?2 AND member = ?3 AND hour = ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = Vec::with_capacity(wanted.len());
    for (group, hours) in wanted {
        let member = text_of(&group);
        let mut slices = Vec::with_capacity(hours.len());
        for hour in hours {
            let of = params![tenant.as_str(), key, member, hour];
            let read = |row: &Row<'_>| Ok((hour, read_hour(row, &member)?));
            slices.extend(statement.query_row(of, read).optional()?);
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
    for table in ["slo_group", "slo_group_hour"] {
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
        statement.execute(params![tenant.as_str(), key, text_of(group), hour])?;
    }
    Ok(())
}

/// Adds what was counted of a group.
pub(super) fn add_group_slices(
    tx: &Transaction<'_>,
    tenant: &TenantId,
    key: &str,
    group: &SliGroup,
    slices: impl Iterator<Item = (i64, Count)>,
) -> rusqlite::Result<()> {
    add_group(tx, tenant, key, group)?;
    let member = text_of(group);
    for (hour, mut slices) in blob::hours(slices) {
        let sql = "SELECT slices FROM slo_group_hour \
                   WHERE tenant = ?1 AND key = ?2 AND member = ?3 AND hour = ?4";
        let of = params![tenant.as_str(), key, member, hour];
        let before: Option<Vec<u8>> =
            tx.prepare_cached(sql)?.query_row(of, |row| row.get(0)).optional()?;
        for (number, count) in before.and_then(|bytes| blob::decode(&bytes)).unwrap_or_default() {
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
    use crate::slo::TABLES;
    use std::collections::BTreeMap;

    #[test]
    fn groups_come_back_with_their_slices() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        let tenant = TenantId::default();
        let group = |name: &str| SliGroup(vec![name.to_owned(), String::new()]);
        let slice = |(at, good, total)| (at, Count::new(good, total));
        let tx = connection.transaction().unwrap();
        for _ in 0..2 {
            let slices = [(-1, 1, 2), (900, 3, 3)].into_iter().map(slice);
            add_group_slices(&tx, &tenant, "k", &group("a"), slices).unwrap();
            let slices = std::iter::once(slice((900, 0, 1)));
            add_group_slices(&tx, &tenant, "k", &SliGroup::overflow(), slices).unwrap();
        }
        add_group(&tx, &tenant, "k", &group("b")).unwrap();
        add_group(&tx, &tenant, "other", &group("c")).unwrap();
        tx.commit().unwrap();
        let list = |connection: &Connection| {
            let mut found = BTreeMap::new();
            let take = |group, history| drop(found.insert(group, history));
            each_group(connection, &tenant, "k", i64::MIN, take).unwrap();
            found
        };
        let found = list(&connection);
        let names: Vec<SliGroup> = found.keys().cloned().collect();
        assert_eq!(names, [SliGroup::overflow(), group("a"), group("b")]);
        assert_eq!(found[&group("a")].at(-1), Count::new(2, 4));
        assert_eq!(found[&group("a")].at(900), Count::new(6, 6));
        assert_eq!(found[&SliGroup::overflow()].at(900), Count::new(0, 2));
        assert!(found[&group("b")].is_empty());
        let wanted =
            vec![(group("a"), BTreeSet::from([-1, 0, 2])), (group("b"), BTreeSet::from([2]))];
        let hours = find_hours(&connection, &tenant, "k", wanted).unwrap();
        let slice = |at, good, total| Hour::from([(at, Count::new(good, total))]);
        let of_a = vec![(-1, slice(359, 2, 4)), (2, slice(180, 6, 6))];
        assert_eq!(hours, [(group("a"), of_a), (group("b"), Vec::new())]);
        let tx = connection.transaction().unwrap();
        delete_before(&tx, &tenant, "k", [group("a")].iter(), 0).unwrap();
        tx.commit().unwrap();
        assert_eq!(list(&connection)[&group("a")].sum(-9..999), Count::new(6, 6));
        let tx = connection.transaction().unwrap();
        delete_group(&tx, &tenant, "k", &group("a")).unwrap();
        tx.commit().unwrap();
        let left = list(&connection);
        assert!(!left.contains_key(&group("a")) && left.len() == 2);
    }
}
