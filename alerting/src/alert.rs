//! An alert, as rules and SLOs make it and as Alertmanager knows it.

use binnacle_storage::model::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// Names and values, sorted by name. No value is empty: an empty label is no label.
pub type LabelSet = BTreeMap<String, String>;

/// One alert in one state. Its labels are its identity; sending it again with the same labels changes the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// With `alertname`.
    pub labels: LabelSet,
    pub annotations: LabelSet,
    pub starts_at: Timestamp,
    /// When it was resolved, or, still firing, until when it counts as firing unless it is sent again.
    pub ends_at: Timestamp,
    /// Where its rule, graph and evidence are seen.
    pub generator_url: String,
}

impl Alert {
    /// Whether it is over at `now`.
    pub fn is_resolved(&self, now: Timestamp) -> bool {
        self.ends_at.0 <= now.0
    }

    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.labels)
    }
}

/// FNV-1a over names and values in order, each followed by the byte 0xff: `LabelSet.Fingerprint` of Prometheus's
/// `common/model`, so that receivers see the same fingerprint from us as from Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    pub fn of(labels: &LabelSet) -> Fingerprint {
        const OFFSET: u64 = 14_695_981_039_346_656_037;
        const PRIME: u64 = 1_099_511_628_211;
        let mut hash = OFFSET;
        let mut add = |bytes: &[u8]| {
            for byte in bytes.iter().chain(&[0xff]) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
            }
        };
        for (name, value) in labels {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        Fingerprint(hash)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_alertmanager_sends() {
        // From a webhook body of Alertmanager 0.33.
        let labels = [
            ("alertname", "Immediate"),
            ("cluster", "c1"),
            ("instance", "a:1"),
            ("job", "api"),
            ("severity", "page"),
            ("team", "x-api"),
        ];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(Fingerprint::of(&labels.into()).to_string(), "9b84fff86acf2d49");
    }
}
