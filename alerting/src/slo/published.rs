//! What is told about SLOs to whoever asks.

use super::engine::Slos;
use super::history::History;
use super::latch::Latch;
use super::standing::{GroupStanding, Loaded, ObjectiveStanding, Standing};
use super::stored::{self, SpecVersion};
use super::stored_alerts::{self, AlertKey, Transition};
use super::stored_groups;
use crate::{Error, LabelSet};
use binnacle_query::sli::SliGroup;
use binnacle_storage::model::TenantId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An alert of an SLO, by its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct SloAlert {
    pub key: AlertKey,
    pub latch: Latch,
    pub labels: LabelSet,
}

impl Slos {
    pub fn find(&self, tenant: &TenantId, name: &str) -> Option<Arc<Loaded>> {
        self.inner().loaded.read().get(tenant)?.get(name).cloned()
    }

    /// By name.
    pub fn list(&self, tenant: &TenantId) -> Vec<Arc<Loaded>> {
        let loaded = self.inner().loaded.read();
        loaded.get(tenant).map(|slos| slos.values().cloned().collect()).unwrap_or_default()
    }

    /// How it stood at the last look; `None` before the first.
    pub fn standing(&self, tenant: &TenantId, name: &str) -> Option<Arc<Standing>> {
        self.inner().published.read().get(tenant)?.get(name).cloned()
    }

    /// The slices of a group, also of hours long past, of which the database has them. Blocks.
    pub fn events_of_group(
        &self,
        tenant: &TenantId,
        objective: &ObjectiveStanding,
        of: &GroupStanding,
    ) -> Result<History, Error> {
        self.filled(tenant, &objective.counting.key, &of.group, &of.events)
    }

    /// A group's slices with those of hours of which the sum alone is kept.
    pub(super) fn filled(
        &self,
        tenant: &TenantId,
        key: &str,
        group: &SliGroup,
        events: &History,
    ) -> Result<History, Error> {
        let mut events = events.clone();
        let thin: BTreeSet<i64> = events.thin_hours().collect();
        if thin.is_empty() {
            return Ok(events);
        }
        let wanted = vec![(group.clone(), thin)];
        let found = self.inner().store.read("read slices of a group", |connection| {
            stored_groups::find_hours(connection, tenant, key, wanted)
        })?;
        let hours = found.into_iter().flat_map(|(_, hours)| hours);
        events.fill(hours.map(|of| (of.number, of.all)));
        Ok(events)
    }

    pub fn versions(&self, tenant: &TenantId, name: &str) -> Result<Vec<SpecVersion>, Error> {
        self.inner().store.read("read an SLO's versions", |connection| {
            stored::list_versions(connection, tenant, name)
        })
    }

    /// The newest first, of one SLO or all.
    pub fn transitions(
        &self,
        tenant: &TenantId,
        name: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Transition>, Error> {
        self.inner().store.read("read SLO transitions", |connection| {
            stored_alerts::list_transitions(connection, tenant, name, limit)
        })
    }

    /// Its alerts as they stand: those that are pending, firing, or have been.
    pub fn alerts(&self, tenant: &TenantId) -> Result<Vec<SloAlert>, Error> {
        let alerts = self
            .inner()
            .store
            .read("read SLO alerts", |connection| stored_alerts::list_alerts(connection, tenant))?;
        let alert = |(key, alert): (AlertKey, stored_alerts::StoredAlert)| SloAlert {
            key,
            latch: alert.latch,
            labels: alert.labels(),
        };
        Ok(alerts.into_iter().map(alert).collect())
    }

    /// What is wrong with files of SLOs: file → problems.
    pub fn problems(&self) -> BTreeMap<String, Vec<String>> {
        self.inner().problems.lock().clone()
    }
}
