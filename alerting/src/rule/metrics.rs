//! What rules say about themselves.

use super::file::Group;
use super::group::GroupState;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug)]
pub struct RuleMetrics {
    evaluations: Counter,
    failures: Counter,
    seconds: Histogram,
    pub files_broken: Gauge,
}

impl Default for RuleMetrics {
    fn default() -> RuleMetrics {
        RuleMetrics {
            evaluations: Counter::default(),
            failures: Counter::default(),
            seconds: Histogram::new(exponential_buckets(0.001, 4.0, 9)),
            files_broken: Gauge::default(),
        }
    }
}

impl RuleMetrics {
    pub fn register(&self, registry: &mut Registry) {
        let evaluations = self.evaluations.clone();
        registry.register("alerting_rule_evaluations", "Rules evaluated", evaluations);
        let failures = self.failures.clone();
        registry.register(
            "alerting_rule_evaluation_failures",
            "Rules whose evaluation failed",
            failures,
        );
        registry.register_with_unit(
            "alerting_rule_group_evaluation",
            "How long the evaluation of a group of rules took",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register(
            "alerting_rule_problems",
            "What is wrong with the rule files now",
            self.files_broken.clone(),
        );
    }

    pub fn evaluated(&self, group: &Group, failed: usize, state: &GroupState) {
        self.evaluations.inc_by(group.rules.len() as u64);
        self.failures.inc_by(failed as u64);
        self.seconds.observe(state.evaluation_seconds);
    }
}
