//! Alertmanager's webhook body, version 4, field for field.

use super::time;
use crate::notify::dispatch::Notice;
use crate::{Alert, LabelSet};
use binnacle_storage::model::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// The body; of the alerts not more than `alerts_max`, where 0 is no limit.
pub fn webhook(notice: &Notice, external_url: &str, alerts_max: u64) -> Value {
    let max = usize::try_from(alerts_max).ok().filter(|max| *max > 0).unwrap_or(usize::MAX);
    let alerts = &notice.alerts[..notice.alerts.len().min(max)];
    json!({
        "receiver": quote_meta(&notice.receiver),
        "status": status(alerts, notice.now),
        "alerts": alerts.iter().map(|alert| of_alert(alert, notice.now)).collect::<Vec<_>>(),
        "notification_reason": notice.reason.text(),
        "groupLabels": notice.group_labels,
        "commonLabels": common(alerts.iter().map(|alert| &alert.labels)),
        "commonAnnotations": common(alerts.iter().map(|alert| &alert.annotations)),
        "externalURL": external_url,
        "version": "4",
        "groupKey": notice.group_key,
        "truncatedAlerts": notice.alerts.len() - alerts.len(),
    })
}

fn of_alert(alert: &Alert, now: Timestamp) -> Value {
    let is_resolved = alert.is_resolved(now);
    json!({
        "status": if is_resolved { "resolved" } else { "firing" },
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": time::precise(alert.starts_at),
        "endsAt": if is_resolved { time::precise(alert.ends_at) } else { time::ZERO.to_owned() },
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint().to_string(),
    })
}

/// Firing while any is.
pub fn status(alerts: &[Arc<Alert>], now: Timestamp) -> &'static str {
    if alerts.iter().any(|alert| !alert.is_resolved(now)) { "firing" } else { "resolved" }
}

/// What all have.
pub fn common<'a>(mut sets: impl Iterator<Item = &'a LabelSet>) -> LabelSet {
    let mut common = sets.next().cloned().unwrap_or_default();
    for set in sets {
        common.retain(|name, value| set.get(name) == Some(value));
    }
    common
}

/// The receiver's name is meant for a regular expression, and stands as one that matches it.
pub fn quote_meta(text: &str) -> String {
    let quote = |c: char| match "\\.+*?()|[]{}^$".contains(c) {
        true => vec!['\\', c],
        false => vec![c],
    };
    text.chars().flat_map(quote).collect()
}
