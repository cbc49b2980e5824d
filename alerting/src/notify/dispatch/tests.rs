use super::*;
use crate::Store;
use crate::notify::matcher::parse_list;
use binnacle_storage::model::TenantId;
use std::path::Path;

const SECOND: i64 = 1_000_000_000;

/// One tenant's dispatch, driven by hand; times are seconds.
struct Bench {
    configuration: Configuration,
    state: State,
    silences: Vec<Silence>,
    now: i64,
}

fn labels(text: &str) -> LabelSet {
    let matchers = parse_list(text).unwrap();
    matchers.iter().map(|m| (m.name().to_owned(), m.value().to_owned())).collect()
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp(seconds * SECOND)
}

impl Bench {
    fn new(route: &str) -> Bench {
        let text = format!(
            "route: {{receiver: r, group_wait: 10s, group_interval: 60s, repeat_interval: 300s, {route}}}\n\
             inhibit_rules: [{{source_matchers: [severity=page], target_matchers: [severity=ticket]}}]\n\
             time_intervals: [{{name: start, time_intervals: [{{times: [{{start_time: '00:00', end_time: '00:02'}}]}}]}}]\n\
             receivers:\n- name: r\n  webhook_configs: [{{url: 'http://x'}}]\n\
             - name: quiet\n  webhook_configs: [{{url: 'http://x', send_resolved: false}}]\n"
        );
        let configuration = Configuration::parse(&text, Path::new("")).unwrap();
        Bench { configuration, state: State::default(), silences: Vec::new(), now: 0 }
    }

    /// An alert arrives now, firing since `start` until `end`.
    fn alert(&mut self, text: &str, start: i64, end: i64) {
        let alert = Alert {
            labels: labels(text),
            annotations: LabelSet::new(),
            starts_at: seconds(start),
            ends_at: seconds(end),
            generator_url: String::new(),
        };
        let now = seconds(self.now);
        let received =
            Received { alert, updated_at: now, is_timeout: false, is_own: true, sequence: 1 };
        self.state.take(received, &self.configuration.root, now);
    }

    /// Everything said until `end`: when, to whom, why, and the `n` labels of what is firing and of what is resolved.
    fn run(&mut self, end: i64) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(due) = self.state.next_due().filter(|due| *due <= seconds(end)) {
            let now = due.max(seconds(self.now));
            self.now = now.0 / SECOND;
            for notice in self.state.flush(&self.configuration, &self.silences, now) {
                said.push(print(&notice));
            }
            self.state.sweep(&self.configuration.root, now);
        }
        self.now = end;
        said
    }

    fn silence(&mut self, text: &str, start: i64, end: i64) {
        self.silences.push(Silence {
            id: "one".to_owned(),
            matchers: parse_list(text).unwrap(),
            starts_at: seconds(start),
            ends_at: seconds(end),
            updated_at: seconds(start),
            created_by: String::new(),
            comment: String::new(),
        });
    }
}

fn print(notice: &Notice) -> String {
    let names = |is_resolved: bool| {
        let of_kind = notice.alerts.iter().filter(|a| a.is_resolved(notice.now) == is_resolved);
        of_kind.map(|alert| alert.labels["n"].as_str()).collect::<Vec<_>>().join(",")
    };
    let Notice { receiver, reason, now, .. } = notice;
    format!("{} {receiver} {reason:?} [{}] [{}]", now.0 / SECOND, names(false), names(true))
}

#[test]
fn a_group_waits_collects_repeats_and_ends() {
    let mut bench = Bench::new("");
    bench.alert("n=1", 0, 1000);
    bench.now = 5;
    bench.alert("n=2", 5, 1000);
    assert_eq!(bench.run(10), ["10 r First [1,2] []"]);
    bench.alert("n=3", 10, 1000);
    assert_eq!(bench.run(100), ["70 r NewAlerts [1,2,3] []"]);
    bench.alert("n=2", 5, 100);
    assert_eq!(bench.run(190), ["130 r SomeResolved [1,3] [2]"]);
    assert_eq!(bench.run(500), ["490 r Repeat [1,3] []"], "more than 300 s after 130");
    bench.alert("n=1", 0, 500);
    bench.alert("n=3", 10, 500);
    assert_eq!(bench.run(2000), ["550 r AllResolved [] [1,3]"]);
    assert_eq!(bench.state.next_due(), None, "nothing is left to look at");
}

#[test]
fn groups_are_apart_by_their_labels() {
    let mut bench = Bench::new("group_by: [job]");
    bench.alert("job=a,n=1", 0, 1000);
    bench.alert("job=b,n=2", 0, 1000);
    bench.alert("n=3", 0, 1000);
    let mut said = bench.run(10);
    said.sort();
    assert_eq!(said, ["10 r First [1] []", "10 r First [2] []", "10 r First [3] []"]);
}

#[test]
fn an_alert_that_fires_for_long_already_is_told_of_at_once() {
    let mut bench = Bench::new("");
    bench.now = 100;
    bench.alert("n=1", 50, 1000);
    assert_eq!(bench.run(100), ["100 r First [1] []"]);
}

#[test]
fn what_fires_and_ends_unheard_stays_unsaid() {
    let mut bench = Bench::new("");
    bench.alert("n=1", 0, 5);
    assert_eq!(bench.run(10), [""; 0]);
    bench.alert("n=2", 10, 1000);
    assert_eq!(bench.run(70), ["70 r First [2] []"]);
    bench.alert("n=3", 75, 80);
    assert_eq!(bench.run(130), ["130 r SomeResolved [2] [3]"]);
}

#[test]
fn an_alert_that_comes_back_is_told_of_again() {
    let mut bench = Bench::new("");
    bench.alert("n=1", 0, 1000);
    bench.run(10);
    bench.alert("n=1", 0, 20);
    assert_eq!(bench.run(70), ["70 r AllResolved [] [1]"]);
    bench.alert("n=1", 75, 1000);
    assert_eq!(bench.run(130), ["130 r First [1] []"], "the group is kept, and with it its pace");
}

#[test]
fn an_end_that_nobody_renews_resolves() {
    let mut bench = Bench::new("");
    bench.alert("n=1", 0, 30);
    assert_eq!(bench.run(100), ["10 r First [1] []", "70 r AllResolved [] [1]"]);
}

#[test]
fn who_does_not_hear_of_ends_hears_of_the_next_start() {
    let mut bench = Bench::new("routes: [{receiver: quiet}]");
    bench.alert("n=1", 0, 1000);
    bench.alert("n=2", 0, 1000);
    assert_eq!(bench.run(10), ["10 quiet First [1,2] []"]);
    bench.alert("n=1", 0, 20);
    assert_eq!(bench.run(100), [""; 0]);
    bench.alert("n=2", 0, 110);
    assert_eq!(bench.run(150), [""; 0]);
    bench.alert("n=2", 155, 1000);
    assert_eq!(bench.run(250), ["190 quiet First [2] []"]);
}

#[test]
fn an_alert_goes_to_every_route_that_takes_it() {
    let routes = "routes: [{match: {a: '1'}, continue: true}, {receiver: quiet, group_wait: 0s}]";
    let mut bench = Bench::new(routes);
    bench.alert("a=1,n=1", 0, 1000);
    assert_eq!(bench.run(10), ["0 quiet First [1] []", "10 r First [1] []"]);
}

#[test]
fn silenced_alerts_are_not_told_of_until_it_ends() {
    let mut bench = Bench::new("");
    bench.silence("n=1", 0, 100);
    bench.alert("n=1", 0, 1000);
    bench.alert("n=2", 0, 1000);
    let said = ["10 r First [2] []", "130 r NewAlerts [1,2] []"];
    assert_eq!(bench.run(200), said);
    bench.silence("n=2", 200, 1000);
    bench.alert("n=2", 0, 210);
    assert_eq!(bench.run(300), [""; 0], "nor of the end of a silenced one");
}

#[test]
fn inhibited_alerts_are_not_told_of() {
    let mut bench = Bench::new("group_by: [severity]");
    bench.alert("n=1,severity=ticket", 0, 1000);
    bench.alert("n=2,severity=page", 0, 60);
    let said = ["10 r First [2] []", "70 r AllResolved [] [2]", "70 r First [1] []"];
    let mut found = bench.run(100);
    found.sort();
    assert_eq!(found, said);
}

#[test]
fn mute_times_hold_back_and_active_times_let_through() {
    let mut bench = Bench::new("routes: [{mute_time_intervals: [start]}]");
    bench.alert("n=1", 0, 1000);
    assert_eq!(bench.run(150), ["130 r First [1] []"], "quiet to 00:02");
    let mut bench = Bench::new("routes: [{active_time_intervals: [start], repeat_interval: 60s}]");
    bench.alert("n=1", 0, 1000);
    assert_eq!(bench.run(500), ["10 r First [1] []"], "the repeats at 130 and after are outside");
}

#[test]
fn a_restart_neither_loses_nor_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("alerting.sqlite")).unwrap();
    let tenant = TenantId::default();
    let routes = "group_by: [job], routes: [{match: {job: b}}]";
    let mut bench = Bench::new(routes);
    let mut restarted = Bench::new(routes);
    let mut said = (Vec::new(), Vec::new());
    let script = [
        ("job=a,n=1", 0, 9000),
        ("job=b,n=2", 3, 9000),
        ("job=a,n=3", 40, 9000),
        ("job=a,n=1", 0, 80),
    ];
    for (place, (text, start, end)) in script.into_iter().enumerate() {
        let now = place as i64 * 35;
        said.0.extend(bench.run(now));
        said.1.extend(restarted.run(now));
        bench.alert(text, start, end);
        restarted.alert(text, start, end);
        // The received alert is in its table; then everything else is written and read back.
        let alerts = [restarted.state.alerts[&Fingerprint::of(&labels(text))].alert.clone()];
        let again = store.write("restart", |tx| {
            crate::notify::receive(tx, &tenant, &alerts, seconds(now))?;
            restarted.state.write(tx, &tenant)?;
            load(tx)
        });
        restarted.state = again.unwrap().remove(&tenant).unwrap();
        restarted.state.reroute(&restarted.configuration.root, seconds(now));
    }
    said.0.extend(bench.run(2000));
    said.1.extend(restarted.run(2000));
    assert!(said.0.len() > 8);
    assert_eq!(said.0, said.1);
}

#[test]
fn other_routes_take_over_what_fires() {
    let mut bench = Bench::new("");
    bench.alert("n=1", 0, 1000);
    bench.alert("n=2", 0, 5);
    bench.run(10);
    bench.alert("n=3", 12, 1000);
    bench.configuration =
        Bench::new("group_by: [n], routes: [{receiver: quiet, match: {n: '3'}}]").configuration;
    bench.state.reroute(&bench.configuration.root, seconds(20));
    bench.now = 20;
    let mut said = bench.run(40);
    said.sort();
    // What r heard of the group `{}:{}` it hears again of the new group: another key, as in Alertmanager.
    assert_eq!(said, ["20 r First [1] []", "30 quiet First [3] []"]);
}

#[test]
fn keys_and_order_are_those_receivers_know() {
    let bench =
        Bench::new("group_by: [alertname, job], routes: [{matchers: ['a=~\"x|y\"', b!=c]}]");
    let alert = labels("alertname=\"qu\\\"ote\",job=api,a=x");
    let route = bench.configuration.root.find(&alert)[0];
    let key = GroupId::of(route, &alert).key(route);
    assert_eq!(key, "{}/{a=~\"x|y\",b!=\"c\"}:{alertname=\"qu\\\"ote\", job=\"api\"}");
    let mut sets =
        ["n=1,x=1", "n=2", "job=b", "instance=1,job=b", "job=a,n=9", "instance=0"].map(labels);
    sets.sort_by(group::order);
    let expected = ["job=a,n=9", "instance=1,job=b", "job=b", "instance=0", "n=2", "n=1,x=1"];
    assert_eq!(sets, expected.map(labels));
}

#[test]
fn what_nobody_could_renew_does_not_end() {
    let mut bench = Bench::new("");
    bench.alert("n=1", 0, 240);
    bench.alert("n=2", 0, 240);
    assert_eq!(bench.run(10), ["10 r First [1,2] []"]);
    bench.alert("n=2", 0, 10);
    // Nobody was there for hours.
    bench.now = 9000;
    bench.state.hold(seconds(9300));
    let said = ["9000 r SomeResolved [1] [2]", "9300 r AllResolved [] [1]"];
    assert_eq!(bench.run(9300), said, "and ends if nobody renews it then");
}
