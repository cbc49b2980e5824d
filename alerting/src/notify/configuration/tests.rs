use super::*;

fn parse(text: &str) -> Result<Configuration, Fault> {
    Configuration::parse(text, Path::new("/etc/notify"))
}

const WHOLE: &str = r#"
global:
  resolve_timeout: 2m
  slack_api_url: https://hooks.slack.example/T/B/x
  http_config: {authorization: {credentials: t0ken}}
templates: ['templates/*.tmpl']
time_intervals:
- name: nights
  time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}]}]
mute_time_intervals:
- name: holidays
route:
  receiver: default
  group_by: [alertname, cluster]
  routes:
  - matchers: [severity="page"]
    receiver: duty
    mute_time_intervals: [nights, holidays]
inhibit_rules:
- source_matchers: [severity="page"]
  target_match_re: {severity: warn.*}
  equal: [cluster]
receivers:
- name: default
  webhook_configs:
  - url: http://127.0.0.1:9/hook
    max_alerts: 3
  - url_file: hook.url
    send_resolved: false
    format: cloudevents
    hmac_secret: s3cret
    timeout: 2s
    http_config: {tls_config: {ca_file: ca.pem}, basic_auth: {username: u, password: p}}
- name: duty
  pagerduty_configs:
  - routing_key: k3y
    details: {num_firing: many, more: '{{ .Status }}'}
  slack_configs:
  - channel: '#alerts'
    fields: [{title: a, value: b}]
"#;

#[test]
fn a_whole_file_is_read_with_its_defaults() {
    let read = parse(WHOLE).unwrap();
    assert_eq!(read.resolve_timeout, Duration::from_secs(120));
    assert_eq!(read.templates, [Path::new("/etc/notify/templates/*.tmpl")]);
    assert_eq!(read.root.routes[0].receiver, "duty");
    assert_eq!(read.inhibit_rules[0].equal, ["cluster"]);
    assert_eq!(read.inhibit_rules[0].target[0].to_string(), "severity=~\"^(?:warn.*)$\"");
    let names: Vec<(&str, bool)> = read
        .receivers
        .iter()
        .flat_map(|receiver| &receiver.integrations)
        .map(|integration| (&*integration.name, integration.send_resolved))
        .collect();
    let expected =
        [("webhook[0]", true), ("webhook[1]", false), ("slack[0]", false), ("pagerduty[0]", true)];
    assert_eq!(names, expected);
    let second = &read.find_receiver("default").unwrap().integrations[1];
    assert_eq!(second.url, SecretSource::File("/etc/notify/hook.url".into()));
    assert_eq!(second.timeout, Duration::from_secs(2));
    assert_eq!(second.http.tls.ca_file.as_deref(), Some(Path::new("/etc/notify/ca.pem")));
    let first = &read.find_receiver("default").unwrap().integrations[0];
    assert!(matches!(first.http.credentials, Some(Credentials::Token { .. })), "inherited");
    let Kind::PagerDuty(duty) = &read.find_receiver("duty").unwrap().integrations[1].kind else {
        panic!("pagerduty comes after slack");
    };
    assert_eq!(duty.details.len(), 5);
    assert_eq!(duty.source, duty.client);
}

#[test]
fn mail_inherits_from_global_and_is_encrypted_unless_said_otherwise() {
    let read = |global: &str, config: &str| {
        let text = format!(
            "global: {{{global}}}\nroute: {{receiver: a}}\nreceivers:\n- name: a\n  email_configs: [{{to: x@y.z{config}}}]\n"
        );
        let read = parse(&text).unwrap();
        assert!(!format!("{read:?}{}", read.shown).contains("s3cret"));
        let integration = read.receivers[0].integrations[0].clone();
        let Kind::Email(email) = integration.kind.clone() else { panic!("it is mail") };
        (integration, *email)
    };
    let global = "smtp_from: a@b.c, smtp_smarthost: 'mail:587', smtp_auth_username: u, smtp_auth_password: s3cret, \
                  smtp_tls_config: {ca_file: ca.pem}";
    let (integration, email) = read(global, "");
    assert_eq!(integration.url, SecretSource::Given(Secret::new("smtp://mail:587")));
    assert_eq!((integration.name.as_str(), integration.send_resolved), ("email[0]", false));
    assert_eq!(integration.http.tls.ca_file.as_deref(), Some(Path::new("/etc/notify/ca.pem")));
    assert_eq!((email.from.as_str(), email.hello.as_str()), ("a@b.c", "localhost"));
    assert_eq!(email.security, Security::StartTls);
    assert_eq!(email.login.map(|login| login.username).as_deref(), Some("u"));
    assert_eq!(email.headers[0].0, "Subject");
    let (_, email) = read(global, ", require_tls: false, headers: {subject: s}, auth_username: v");
    assert_eq!(email.security, Security::None);
    assert_eq!(email.headers, [("subject".to_owned(), "s".to_owned())]);
    assert_eq!(email.login.map(|login| login.username).as_deref(), Some("v"));
    let (integration, email) = read(global, ", smarthost: '[::1]:465', from: o@b.c");
    assert_eq!(email.security, Security::Implicit);
    assert_eq!(integration.url, SecretSource::Given(Secret::new("smtp://[::1]:465")));
}

#[test]
fn nothing_shows_a_secret() {
    let read = parse(WHOLE).unwrap();
    for shown in [read.shown.clone(), format!("{read:?}")] {
        for secret in ["t0ken", "s3cret", "k3y", "hooks.slack.example", "/hook"] {
            let is_path = shown.contains("/etc/notify/hook.url");
            assert!(!shown.contains(secret) || (secret == "/hook" && is_path), "{secret}: {shown}");
        }
    }
}

#[test]
fn no_file_tells_nobody() {
    let default = Configuration::default();
    assert_eq!(default.receivers[0].integrations, []);
    let read = parse(&default.shown).unwrap();
    assert_eq!(read.root.group_by, default.root.group_by);
    assert_eq!(read.root.receiver, default.root.receiver);
}

#[test]
fn what_is_wrong_or_not_supported_is_said_with_its_line() {
    let base = "route: {receiver: a}\nreceivers:\n- name: a\n";
    let wrong = [
        ("  email_configs: [{to: x}]", "line 4: email_configs has no 'from'"),
        ("  email_configs: [{to: x, from: y}]", "line 4: email_configs has no 'smarthost'"),
        (
            "  email_configs: [{to: x, from: y, smarthost: h}]",
            "line 4: smarthost 'h' is not host:port",
        ),
        (
            "  email_configs: [{to: x, from: y, smarthost: 'h:25', auth_username: u}]",
            "line 4: email_configs has no 'auth_password'",
        ),
        (
            "  email_configs: [{to: x, from: y, smarthost: 'h:25', headers: {A: a, a: b}}]",
            "line 4: there are two headers 'a'",
        ),
        (
            "  email_configs: [{to: x, from: y, smarthost: 'h:25', auth_secret: s}]",
            "line 4: the field 'auth_secret' of email_configs",
        ),
        ("  opsgenie_configs: []", "line 4: the field 'opsgenie_configs' of receiver 'a'"),
        ("  webhook_configs: [{}]", "line 4: webhook_configs has no 'url'"),
        ("  webhook_configs: [{url: 'ftp://x'}]", "line 4: url must begin with http"),
        ("  webhook_configs: [{url: 'http://x', url_file: y}]", "line 4: url and url_file"),
        ("  webhook_configs:\n  - url: http://x\n    colour: red", "line 6: the field 'colour'"),
        ("  webhook_configs: [{url: 'http://x', format: xml}]", "line 4: format is 'xml'"),
        ("  slack_configs: [{}]", "line 4: slack_configs has no 'api_url'"),
        (
            "  pagerduty_configs: [{service_key: x}]",
            "line 4: pagerduty_configs has no 'routing_key'",
        ),
        ("  slack_configs: [{api_url: 'http://x', text: '{{ .X'}]", "line 4: text is no template"),
        ("- name: a", "line 4: there are two receivers 'a'"),
        ("global: {smtp_auth_identity: x}", "line 4: the field 'smtp_auth_identity' of global"),
        ("inhibit_rules: [{when: x}]", "line 4: the field 'when' of an inhibit rule"),
        ("time_intervals: [{name: n}, {name: n}]", "line 4: there are two time intervals 'n'"),
        ("\ntracing: {}", "line 5: the field 'tracing' of the file"),
        ("global: {http_config: {proxy_url: x}}", "line 4: the field 'proxy_url' of http_config"),
    ];
    for (text, expected) in wrong {
        let fault = parse(&format!("{base}{text}\n")).unwrap_err().to_string();
        assert!(fault.starts_with(expected), "{text}: {fault}");
    }
    assert!(parse("").unwrap_err().message.contains("no 'route'"));
    assert!(parse("receivers: [").is_err());
}
