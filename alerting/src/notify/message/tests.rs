use super::*;
use crate::notify::configuration::Configuration;
use crate::notify::dispatch::Reason;
use crate::{Alert, LabelSet};
use binnacle_storage::model::Timestamp;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

const SECOND: i64 = 1_000_000_000;

fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// Two alerts of one group, one of them resolved.
pub(super) fn notice() -> Notice {
    let alert = |n: &str, summary: &str, ends_at: i64| {
        let common = [("alertname", "Slow"), ("job", "api"), ("severity", "page"), ("n", n)];
        Arc::new(Alert {
            labels: labels(&common),
            annotations: labels(&[("summary", summary)]),
            starts_at: Timestamp(SECOND),
            ends_at: Timestamp(ends_at * SECOND),
            generator_url: "http://g".to_owned(),
        })
    };
    Notice {
        receiver: "team.x".to_owned(),
        integration: 0,
        group_key: "{}:{alertname=\"Slow\"}".to_owned(),
        group_labels: labels(&[("alertname", "Slow")]),
        reason: Reason::NewAlerts,
        alerts: vec![alert("1", "one", 100), alert("2", "two", 5)],
        now: Timestamp(10 * SECOND),
    }
}

/// What is sent by a receiver that is configured so.
fn sent(notice: &Notice, integrations: &str) -> (Message, Value) {
    let text = format!("route: {{receiver: r}}\nreceivers:\n- name: r\n  {integrations}\n");
    let configuration = Configuration::parse(&text, Path::new("")).unwrap();
    let tenant = TenantId::default();
    let context = Context {
        tenant: &tenant,
        external_url: "http://here",
        definitions: &configuration.definitions,
    };
    let (message, error) = render(notice, &configuration.receivers[0].integrations[0], &context);
    assert_eq!(error, None);
    let body = serde_json::from_str(&message.body).unwrap();
    (message, body)
}

#[test]
fn a_webhook_body_has_every_field_of_alertmanagers() {
    let (message, body) = sent(&notice(), "webhook_configs: [{url: 'http://x'}]");
    assert_eq!((message.content_type, message.alerts), ("application/json", 2));
    assert!(message.is_firing);
    let alert = |n: &str, status: &str, summary: &str, end: &str| {
        let labels =
            labels(&[("alertname", "Slow"), ("job", "api"), ("n", n), ("severity", "page")]);
        json!({
            "status": status,
            "fingerprint": crate::Fingerprint::of(&labels).to_string(),
            "labels": labels,
            "annotations": { "summary": summary },
            "startsAt": "1970-01-01T00:00:01Z",
            "endsAt": end,
            "generatorURL": "http://g",
        })
    };
    let expected = json!({
        "receiver": "team\\.x",
        "status": "firing",
        "alerts": [
            alert("1", "firing", "one", "0001-01-01T00:00:00Z"),
            alert("2", "resolved", "two", "1970-01-01T00:00:05Z"),
        ],
        "notification_reason": "new alerts added",
        "groupLabels": { "alertname": "Slow" },
        "commonLabels": { "alertname": "Slow", "job": "api", "severity": "page" },
        "commonAnnotations": {},
        "externalURL": "http://here",
        "version": "4",
        "groupKey": "{}:{alertname=\"Slow\"}",
        "truncatedAlerts": 0,
    });
    assert_eq!(body, expected);
    let (_, cut) = sent(&notice(), "webhook_configs: [{url: 'http://x', max_alerts: 1}]");
    assert_eq!(
        (cut["alerts"].as_array().map(Vec::len), &cut["truncatedAlerts"]),
        (Some(1), &json!(1))
    );
    assert_eq!(cut["commonLabels"]["n"], "1", "common is what those that are sent have");
}

#[test]
fn captured_bodies_are_made_again() {
    // Bodies that Alertmanager 0.33.1 sent, and what they were made of.
    let captured = include_str!("../../../../tests/data/alertmanager-webhook/captured.jsonl");
    for line in captured.lines() {
        let body: Value = serde_json::from_str::<Value>(line).unwrap()["body"].take();
        let set = |value: &Value| serde_json::from_value::<LabelSet>(value.clone()).unwrap();
        let time = |value: &Value| {
            time::parse(value.as_str().unwrap()).unwrap().unwrap_or(Timestamp(i64::MAX))
        };
        let alert = |alert: &Value| {
            Arc::new(Alert {
                labels: set(&alert["labels"]),
                annotations: set(&alert["annotations"]),
                starts_at: time(&alert["startsAt"]),
                ends_at: time(&alert["endsAt"]),
                generator_url: alert["generatorURL"].as_str().unwrap().to_owned(),
            })
        };
        let reasons = [Reason::First, Reason::NewAlerts, Reason::SomeResolved, Reason::AllResolved];
        let reason =
            reasons.into_iter().find(|reason| body["notification_reason"] == reason.text());
        let notice = Notice {
            receiver: body["receiver"].as_str().unwrap().to_owned(),
            integration: 0,
            group_key: body["groupKey"].as_str().unwrap().to_owned(),
            group_labels: set(&body["groupLabels"]),
            reason: reason.unwrap(),
            alerts: body["alerts"].as_array().unwrap().iter().map(alert).collect(),
            now: Timestamp(i64::MAX - 1),
        };
        let external_url = body["externalURL"].as_str().unwrap();
        assert_eq!(data::webhook(&notice, external_url, 0), body);
    }
    assert!(captured.lines().count() >= 5);
}

#[test]
fn a_cloud_event_carries_the_same_body() {
    let (message, event) =
        sent(&notice(), "webhook_configs: [{url: 'http://x', format: cloudevents}]");
    let (_, body) = sent(&notice(), "webhook_configs: [{url: 'http://x'}]");
    assert_eq!(event["data"], body);
    assert_eq!(event["id"], message.idempotency_key);
    assert_eq!(event["type"], "dev.binnacle.alert.firing");
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["time"], "1970-01-01T00:00:10Z");
    assert!(message.content_type.starts_with("application/cloudevents+json"));
}

#[test]
fn keys_tell_notices_and_integrations_apart() {
    let key = |notice: &Notice, integrations: &str| sent(notice, integrations).0.idempotency_key;
    let hook = "webhook_configs: [{url: 'http://x'}]";
    assert_eq!(key(&notice(), hook), key(&notice(), hook));
    let mut later = notice();
    later.now.0 += 1;
    assert_ne!(key(&notice(), hook), key(&later, hook));
    let slack = "slack_configs: [{api_url: 'http://x'}]";
    assert_ne!(key(&notice(), hook), key(&notice(), slack));
}

#[test]
fn slack_gets_one_attachment() {
    let slack = "slack_configs: [{api_url: 'http://x', channel: '#a-{{ .Status }}', text: '{{ len .Alerts }} alerts', \
                 fields: [{title: t, value: '{{ .CommonLabels.job }}', short: true}]}]";
    let (_, body) = sent(&notice(), slack);
    assert_eq!(body["channel"], "#a-firing");
    assert_eq!(body["username"], "Binnacle");
    let attachment = &body["attachments"][0];
    assert_eq!(attachment["title"], "[FIRING:1] Slow (api page)");
    assert_eq!(attachment["color"], "danger");
    assert_eq!(attachment["text"], "2 alerts");
    assert_eq!(attachment["fields"][0], json!({ "title": "t", "value": "api", "short": true }));
    assert_eq!(attachment["mrkdwn_in"], json!(["fallback", "pretext", "text"]));
    assert!(attachment.get("pretext").is_none());
    let mut over = notice();
    over.now = Timestamp(1000 * SECOND);
    let (_, body) = sent(&over, slack);
    assert_eq!(body["attachments"][0]["color"], "good");
    assert_eq!(body["attachments"][0]["title"], "[RESOLVED] Slow (api page)");
}

#[test]
fn pagerduty_triggers_and_resolves_one_incident() {
    let duty = "pagerduty_configs: [{routing_key: s3cret, severity: '{{ .CommonLabels.severity }}', class: c, \
                links: [{href: 'http://l', text: l}, {text: none}], details: {more: '{{ .Status }}'}}]";
    let (message, event) = sent(&notice(), duty);
    assert!(!message.body.contains("s3cret"));
    assert_eq!(event["event_action"], "trigger");
    assert_eq!(event["payload"]["summary"], "[FIRING:1] Slow (api page)");
    assert_eq!(event["payload"]["severity"], "page");
    assert_eq!(event["payload"]["source"], "Binnacle");
    assert_eq!(event["payload"]["custom_details"]["num_resolved"], "1");
    assert_eq!(event["payload"]["custom_details"]["more"], "firing");
    assert_eq!(event["links"], json!([{ "href": "http://l", "text": "l" }]));
    let mut over = notice();
    over.now = Timestamp(1000 * SECOND);
    let (_, resolved) = sent(&over, duty);
    assert_eq!(resolved["event_action"], "resolve");
    assert_eq!(resolved["dedup_key"], event["dedup_key"]);
    // sha256 of the group key.
    assert_eq!(event["dedup_key"].as_str().map(str::len), Some(64));
}

#[test]
fn a_mail_has_its_parts_and_no_second_header_line() {
    let email = "email_configs: [{to: 'a@b.c, {{ .CommonLabels.job }}@b.c', from: f@b.c, smarthost: 'h:25', \
                 headers: {X-Summary: '{{ .CommonLabels.evil }}'}, text: '{{ .Status }}', html: '<i>{{ .GroupLabels.alertname }}</i>'}]";
    let mut notice = notice();
    notice.alerts = notice
        .alerts
        .iter()
        .map(|alert| {
            let mut alert = Alert::clone(alert);
            alert.labels.insert("evil".to_owned(), "x\r\nBcc: other@b.c".to_owned());
            Arc::new(alert)
        })
        .collect();
    let (message, parts) = sent(&notice, email);
    let expected = json!({
        "from": "f@b.c", "to": "a@b.c, api@b.c", "date": "1970-01-01T00:00:10Z", "text": "firing", "html": "<i>Slow</i>",
        "headers": { "X-Summary": "x  Bcc: other@b.c", "Subject": "[FIRING:1] Slow (x  Bcc: other@b.c api page)" },
    });
    assert_eq!(parts, expected);
    assert!(message.is_firing);
    let (_, default) =
        sent(&notice, "email_configs: [{to: a@b.c, from: f@b.c, smarthost: 'h:25'}]");
    assert!(default["html"].as_str().is_some_and(|html| html.contains("<h1")));
    assert!(default.get("text").is_none());
}

#[test]
fn hundreds_of_alerts_are_told_of_too() {
    let mut notice = notice();
    let alert = notice.alerts[0].clone();
    notice.alerts = (0..3000)
        .map(|n| {
            let mut alert = Alert::clone(&alert);
            alert.labels.extend((0..12).map(|at| (format!("label{at}"), n.to_string())));
            Arc::new(alert)
        })
        .collect();
    let (_, duty) = sent(&notice, "pagerduty_configs: [{routing_key: k}]");
    let details = &duty["payload"]["custom_details"];
    assert_eq!(details["num_firing"], "3000");
    assert!(details["firing"].as_str().is_some_and(|list| list.ends_with("… and more\n")));
    let (_, mail) = sent(&notice, "email_configs: [{to: a@b.c, from: f@b.c, smarthost: 'h:25'}]");
    assert!(mail["html"].as_str().is_some_and(|html| html.contains("3000 firing")));
    let own = "slack_configs: [{api_url: 'http://x', text: '{{ range .Alerts }}{{ range .Labels.SortedPairs }}{{ .Name }}{{ end }};{{ end }}'}]";
    let (_, slack) = sent(&notice, own);
    let text = slack["attachments"][0]["text"].as_str().unwrap();
    assert_eq!(text.matches(';').count(), ALERTS_SHORT, "some of them are better than none");
}

#[test]
fn a_template_that_fails_is_said() {
    let text = "route: {receiver: r}\nreceivers:\n- name: r\n  slack_configs: [{api_url: 'http://x', text: '{{ template \"none\" . }}'}]\n";
    let configuration = Configuration::parse(text, Path::new("")).unwrap();
    let tenant = TenantId::default();
    let definitions = &configuration.definitions;
    let context = Context { tenant: &tenant, external_url: "", definitions };
    let (message, error) = render(&notice(), &configuration.receivers[0].integrations[0], &context);
    assert_eq!(message.body, "");
    assert!(error.is_some_and(|error| error.contains("none")));
}
