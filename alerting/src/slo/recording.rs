//! Recording: what a look changed, and whom to tell, written whole or not at all.

use super::announce::{Changes, resolve_orphan};
use super::engine::{Alerts, Slos};
use super::judging::is_of_groups;
use super::stored;
use super::stored_alerts::{self, AlertKey};
use crate::{Error, explain, notify};
use binnacle_storage::model::TenantId;

impl Slos {
    /// Writes what changed and whom to tell, whole or not at all.
    pub(super) fn write(
        &self,
        tenant: &TenantId,
        alerts: &mut Alerts,
        mut changes: Changes,
        until: i64,
    ) -> Result<(), Error> {
        let telling = self.telling(self.unix_now());
        let orphans: Vec<AlertKey> = alerts
            .keys()
            .filter(|key| changes.gone.contains(*key) || !self.is_known(tenant, key))
            .cloned()
            .collect();
        changes.told.extend(orphans.iter().filter_map(|key| {
            let is_group_gone = changes.gone.contains(key);
            resolve_orphan(&alerts[key], is_group_gone, &telling)
        }));
        let now = self.inner().parts.clock.now();
        self.inner().store.write("write what SLOs came to", |tx| {
            for (key, alert) in
                changes.alerts.iter().filter(|(key, alert)| alerts.get(key) != Some(alert))
            {
                stored_alerts::put_alert(tx, tenant, key, alert)?;
            }
            for key in &orphans {
                stored_alerts::delete_alert(tx, tenant, key)?;
            }
            for evidence in &changes.evidence {
                explain::put(tx, tenant, evidence)?;
            }
            for transition in &changes.transitions {
                stored_alerts::add_transition(tx, tenant, transition)?;
            }
            if !changes.told.is_empty() {
                notify::receive(tx, tenant, &changes.told, now)?;
            }
            stored::put_clock(tx, tenant, until)
        })?;
        orphans.iter().for_each(|key| drop(alerts.remove(key)));
        alerts.extend(changes.alerts);
        Ok(())
    }

    /// Whether there still is an SLO with such an alert.
    fn is_known(&self, tenant: &TenantId, key: &AlertKey) -> bool {
        let loaded = self.inner().loaded.read();
        let slo = loaded.get(tenant).and_then(|slos| slos.get(&key.slo));
        let objective = slo.and_then(|loaded| loaded.slo.objectives.get(key.objective));
        let (long, short) = key.kind.windows();
        objective.is_some_and(|objective| {
            let (is_grouped, is_of_groups) =
                (!objective.sli.group_by.is_empty(), is_of_groups(key.kind));
            if key.group.is_some() && !(is_grouped && is_of_groups) {
                return false;
            }
            long == 0
                || objective
                    .live_policy()
                    .tiers
                    .iter()
                    .any(|tier| tier.long_seconds == long && tier.short_seconds == short)
        })
    }
}
