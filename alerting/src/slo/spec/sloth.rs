//! Sloth's own files: `prometheus/v1`, and the same as a Kubernetes resource. What they say by plugins is refused: it is code.

use super::annotations::Annotations;
use super::fields::{Field, Fields, Problems, text_of};
use super::indicator::{Part, Sli, SliSource, query_text};
use super::slo::{Extra, ObjectiveSpec, Slo, Told};
use crate::slo::objective::parse_decimal;
use crate::slo::{
    DEFAULT_TIERS, GROUP_GONE_SECONDS, Method, Objective, Policy, Severity, Tier, Window,
};
use std::collections::BTreeMap;

pub(super) const VERSION: &str = "prometheus/v1";
pub(super) const API_VERSION: &str = "sloth.slok.dev/v1";

/// Sloth's period unless it is told otherwise on its command line.
const PERIOD_SECONDS: u64 = 30 * 86_400;

const PLUGINS: &str = "plugins are code of Sloth's; write out what they make";

/// Whether names of fields have capitals, as in Kubernetes, or underscores.
#[derive(Debug, Clone, Copy)]
struct Spelling {
    is_camel: bool,
}

impl Spelling {
    fn of(self, name: &'static str) -> &'static str {
        match name {
            _ if !self.is_camel => name,
            "error_query" => "errorQuery",
            "total_query" => "totalQuery",
            "page_alert" => "pageAlert",
            "ticket_alert" => "ticketAlert",
            "slo_plugins" => "sloPlugins",
            other => other,
        }
    }
}

/// The SLOs of one document.
pub(super) fn read(root: &Field<'_>, problems: &mut Problems) -> Vec<Slo> {
    let plain = Spelling { is_camel: false };
    let known = ["version", "service", "labels", "slos"];
    let Some(fields) = root.fields(&known, &[("slo_plugins", PLUGINS)], problems) else {
        return Vec::new();
    };
    read_slos(&fields, plain, problems)
}

/// Those of a Kubernetes resource.
pub(super) fn read_resource(root: &Field<'_>, problems: &mut Problems) -> Vec<Slo> {
    let camel = Spelling { is_camel: true };
    let known = ["apiVersion", "kind", "metadata", "spec"];
    let Some(fields) = root.fields(&known, &[], problems) else { return Vec::new() };
    if let Some(kind) = fields.need("kind", problems)
        && text_of(kind.node) != Some("PrometheusServiceLevel")
    {
        kind.refuse("is to be PrometheusServiceLevel", problems);
    }
    let Some(spec) = fields.need("spec", problems) else { return Vec::new() };
    let known = ["service", "labels", "slos"];
    let Some(fields) = spec.fields(&known, &[("sloPlugins", PLUGINS)], problems) else {
        return Vec::new();
    };
    read_slos(&fields, camel, problems)
}

fn read_slos(fields: &Fields<'_>, spelling: Spelling, problems: &mut Problems) -> Vec<Slo> {
    let service = fields.need_text("service", problems).unwrap_or_default().to_owned();
    let labels = texts(&fields.texts("labels", problems));
    let items = fields.items("slos", problems);
    let read = |item: &Field<'_>| read_slo(item, &service, &labels, spelling, problems);
    items.iter().filter_map(read).collect()
}

fn read_slo(
    item: &Field<'_>,
    service: &str,
    shared: &BTreeMap<String, String>,
    spelling: Spelling,
    problems: &mut Problems,
) -> Option<Slo> {
    let known = ["name", "description", "objective", "labels", "sli", "alerting"];
    let fields = item.fields(&known, &[("plugins", PLUGINS)], problems)?;
    let name = fields.need_text("name", problems)?;
    let objective = fields.need("objective", problems)?;
    let parts = objective.text(problems).and_then(|text| parse_decimal(text, 7));
    let target = parts.and_then(Objective::new);
    if target.is_none() {
        objective.refuse("is to be a percentage above 0 and below 100", problems);
    }
    let sli = fields.need("sli", problems).and_then(|sli| read_sli(&sli, spelling, problems));
    let alerting = fields.find("alerting");
    let alerts = alerting.and_then(|alerting| read_alerting(&alerting, spelling, problems));
    let (told, tiers) = alerts.unwrap_or_else(|| (Told::default(), DEFAULT_TIERS.to_vec()));
    let mut labels = shared.clone();
    labels.extend(texts(&fields.texts("labels", problems)));
    let Annotations { guards, mode, no_traffic, no_telemetry, .. } = Annotations::default();
    let policy = Policy {
        objective: target?,
        method: Method::Occurrences,
        window: Window::Rolling { seconds: PERIOD_SECONDS },
        tiers,
        hold_seconds: 0,
        guards,
        mode,
        no_traffic,
        no_telemetry,
        exclusions: Vec::new(),
    };
    Some(Slo {
        name: format!("{service}-{name}"),
        display_name: name.to_owned(),
        description: fields.text("description", problems).unwrap_or_default().to_owned(),
        service: service.to_owned(),
        labels,
        annotations: BTreeMap::new(),
        objectives: vec![ObjectiveSpec {
            display_name: String::new(),
            sli: sli?,
            policy,
            composite: None,
        }],
        targets: Vec::new(),
        told,
        group_gone_seconds: GROUP_GONE_SECONDS,
    })
}

fn read_sli(field: &Field<'_>, spelling: Spelling, problems: &mut Problems) -> Option<Sli> {
    let refused = [
        ("raw", "it would be an average of ratios; give events"),
        ("plugin", "it is code of Sloth's; give events"),
    ];
    let events = field.fields(&["events"], &refused, problems)?.find("events")?;
    let [error, total] = ["error_query", "total_query"].map(|name| spelling.of(name));
    let fields = events.fields(&[error, total], &[], problems)?;
    let mut query = |name: &str| {
        let field = fields.need(name, problems)?;
        query_text(&field, SliSource::Promql, problems)
    };
    let (error, total) = (query(error), query(total));
    Some(Sli {
        source: SliSource::Promql,
        total: total?,
        part: Part::Bad(error?),
        lookback_seconds: 0,
        group_by: Vec::new(),
    })
}

fn read_alerting(
    field: &Field<'_>,
    spelling: Spelling,
    problems: &mut Problems,
) -> Option<(Told, Vec<Tier>)> {
    let [page, ticket] = ["page_alert", "ticket_alert"].map(|name| spelling.of(name));
    let known = ["name", "labels", "annotations", "page_alert", "ticket_alert", page, ticket];
    let fields = field.fields(&known, &[], problems)?;
    let shared = extra(&fields, problems);
    let mut tiers = DEFAULT_TIERS.to_vec();
    let mut read = |names: [&str; 2], severity: Severity| {
        let mut all = shared.clone();
        let Some(alert) = names.iter().find_map(|name| fields.find(name)) else { return all };
        let known = ["disable", "labels", "annotations"];
        let Some(fields) = alert.fields(&known, &[], problems) else { return all };
        if fields.flag("disable", problems) == Some(true) {
            tiers.retain(|tier| tier.severity != severity);
        }
        let own = extra(&fields, problems);
        all.labels.extend(own.labels);
        all.annotations.extend(own.annotations);
        all
    };
    let page = read([page, "page_alert"], Severity::Page);
    let ticket = read([ticket, "ticket_alert"], Severity::Ticket);
    let name = fields.text("name", problems).unwrap_or_default().to_owned();
    Some((Told { name, page, ticket }, tiers))
}

fn extra(fields: &Fields<'_>, problems: &mut Problems) -> Extra {
    let labels = texts(&fields.texts("labels", problems));
    Extra { labels, annotations: texts(&fields.texts("annotations", problems)) }
}

fn texts(list: &[(String, Field<'_>)]) -> BTreeMap<String, String> {
    let text = |(name, field): &(String, Field<'_>)| {
        text_of(field.node).map(|text| (name.clone(), text.to_owned()))
    };
    list.iter().filter_map(text).collect()
}
