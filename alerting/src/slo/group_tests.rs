//! Groups of an SLO over real storage: each alerts for itself, and ends when it is gone.

use super::{AlertKind, OVERFLOW, Slos, Standing};
use crate::testing::Fixture;
use crate::{AlertingConfig, Store};
use binnacle_query::sli::SliGroup;
use binnacle_storage::AppendRequest;
use binnacle_storage::batch::{BatchBuilder, SpanRow};
use binnacle_storage::model::{
    Compression, Encoding, Format, Signal, SpanId, TenantId, Timestamp, TraceId,
};
use std::sync::Arc;

/// On a slice and on an hour.
const BEGIN: i64 = 1_700_002_800;

const SPEC: &str = "apiVersion: openslo/v1
kind: SLO
metadata:
  name: shop
  annotations:
    binnacle/tiers: page 10m/1m 10%
    binnacle/group-by: name
    binnacle/group-gone: 10m
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        total: {metricSource: {type: spans, spec: {query: '{ }'}}}
        good: {metricSource: {type: spans, spec: {query: '{ status != error }'}}}
  timeWindow: [{duration: 6h, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.9}]
";

struct World {
    fixture: Fixture,
    slos: Slos,
    tenant: TenantId,
    now: i64,
    spans: u64,
}

impl World {
    async fn new() -> World {
        let fixture = Fixture::new((BEGIN + 5) * 1_000, AlertingConfig::default()).await;
        let store = Store::open(&fixture.directory.path().join("alerting.sqlite")).unwrap();
        let slos = Slos::open(fixture.parts.clone(), store).unwrap();
        let tenant = TenantId::default();
        slos.put(&tenant, SPEC).unwrap();
        World { fixture, slos, tenant, now: BEGIN, spans: 0 }
    }

    /// As after a restart.
    fn reopen(&mut self) {
        let store = Store::open(&self.fixture.directory.path().join("alerting.sqlite")).unwrap();
        self.slos = Slos::open(self.fixture.parts.clone(), store).unwrap();
    }

    /// Ten seconds in which each name has so many good and bad spans, and a look after them.
    async fn tick(&mut self, rates: &[(&str, u64, u64)]) {
        self.now += 10;
        self.send(rates, self.now - 1).await;
        self.fixture.set_now((self.now + 7) * 1_000);
        self.slos.look(&self.tenant).await.unwrap();
    }

    /// So many good and bad spans of each name that end at one time, arriving now.
    async fn send(&mut self, rates: &[(&str, u64, u64)], at: i64) {
        let mut builder = BatchBuilder::new(Signal::Traces, Timestamp(self.now * 1_000_000_000));
        builder.resource(&[], "shop");
        builder.scope(&[]);
        for (name, good, bad) in rates {
            for number in 0..good + bad {
                self.spans += 1;
                push(&mut builder, name, number < *bad, self.spans, at);
            }
        }
        let request = AppendRequest {
            tenant: self.tenant.clone(),
            signal: Signal::Traces,
            encoding: Encoding { format: Format::OtlpProtobuf, compression: Compression::None },
            body: bytes::Bytes::from(self.spans.to_string()),
            content_hash: u128::from(self.spans),
            ingested_at: Timestamp(self.now * 1_000_000_000),
            batch: builder.finish(),
        };
        if rates.iter().any(|(_, good, bad)| good + bad > 0) {
            self.fixture.parts.storage.append(request).await.unwrap();
        }
    }

    fn standing(&self) -> Arc<Standing> {
        self.slos.standing(&self.tenant, "shop").unwrap()
    }

    /// Groups that fire by burn rate, and whether the whole does.
    fn firing(&self) -> (Vec<String>, bool) {
        let standing = self.standing();
        let objective = &standing.objectives[0];
        let fires = |seen: &[super::AlertSeen], latches: &[super::Latch]| {
            seen.iter().zip(latches).any(|(seen, latch)| {
                matches!(seen.kind, AlertKind::BurnRate { .. }) && latch.is_firing()
            })
        };
        let groups = objective.groups.iter();
        let groups = groups.filter(|of| fires(&of.status.alerts, &of.latches));
        let names = groups.map(|of| of.group.0.join(",")).collect();
        (names, fires(&objective.status.alerts, &objective.latches))
    }
}

fn push(builder: &mut BatchBuilder, name: &str, is_bad: bool, number: u64, at: i64) {
    let time = Timestamp(at * 1_000_000_000);
    builder.push_span(&SpanRow {
        trace_id: TraceId(u128::from(number).to_be_bytes()),
        span_id: SpanId(number.to_be_bytes()),
        parent_span_id: None,
        trace_state: "",
        flags: 0,
        name,
        kind: 2,
        start_time: time,
        end_time: time,
        status_code: if is_bad { 2 } else { 0 },
        status_message: "",
        dropped_attributes_count: 0,
        attributes: &[],
        dropped_events_count: 0,
        dropped_links_count: 0,
        events: &[],
        links: &[],
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_alerts_for_itself_and_its_alerts_end_when_only_others_come() {
    let mut world = World::new().await;
    for _ in 0..60 {
        world.tick(&[("cart", 20, 0), ("pay", 1, 0)]).await;
    }
    assert_eq!(world.firing(), (vec![], false));
    // All of the small one fails: the SLO as a whole hardly sees it.
    for _ in 0..60 {
        world.tick(&[("cart", 20, 0), ("pay", 0, 1)]).await;
    }
    assert_eq!(world.firing(), (vec!["pay".to_owned()], false));
    world.fixture.parts.storage.flush().await.unwrap();
    world.tick(&[("cart", 20, 0), ("pay", 0, 1)]).await;
    let standing = world.standing();
    let objective = &standing.objectives[0];
    let sum = objective.groups.iter().map(|of| of.status.events.total).sum::<u64>();
    assert_eq!(sum, objective.status.events.total, "groups add up to the whole");
    assert!(objective.groups[0].status.remaining > objective.groups[1].status.remaining);
    // It survives a restart.
    world.reopen();
    world.tick(&[("cart", 20, 0), ("pay", 0, 1)]).await;
    assert_eq!(world.firing(), (vec!["pay".to_owned()], false));
    // Then nothing of it comes any more: the page holds until the group is gone.
    for _ in 0..30 {
        world.tick(&[("cart", 20, 0)]).await;
    }
    assert_eq!(world.firing().0, ["pay"]);
    for _ in 0..40 {
        world.tick(&[("cart", 20, 0)]).await;
    }
    assert_eq!(world.firing(), (vec![], false));
    let standing = world.standing();
    let pay = &standing.objectives[0].groups[1];
    assert!(pay.is_gone && pay.status.events.total > 0, "its budget stays to be seen");
    // It comes back, and is told of anew.
    for _ in 0..12 {
        world.tick(&[("cart", 20, 0), ("pay", 0, 5)]).await;
    }
    assert_eq!(world.firing().0, ["pay"]);
    let transitions = world.slos.transitions(&world.tenant, Some("shop"), 100).unwrap();
    let group = Some(SliGroup(vec!["pay".to_owned()]));
    let of_tiers =
        transitions.iter().filter(|seen| matches!(seen.key.kind, AlertKind::BurnRate { .. }));
    assert!(of_tiers.clone().count() >= 2 && of_tiers.clone().all(|seen| seen.key.group == group));
    // An edit that takes the groups away ends their alerts.
    let plain = SPEC.replace("    binnacle/group-by: name\n", "");
    world.slos.put(&world.tenant, &plain).unwrap();
    world.tick(&[("cart", 20, 0)]).await;
    world.tick(&[("cart", 20, 0)]).await;
    assert!(world.standing().objectives[0].groups.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_of_the_window_that_fired_however_many_fire_at_once() {
    let mut world = World::new().await;
    let names: Vec<String> = (0..9).map(|number| format!("op-{number}")).collect();
    let rates = |bad: u64| names.iter().map(move |name| (name.as_str(), 10 - bad, bad));
    for _ in 0..20 {
        world.tick(&rates(0).collect::<Vec<_>>()).await;
    }
    for _ in 0..40 {
        world.tick(&rates(10).collect::<Vec<_>>()).await;
    }
    let transitions = world.slos.transitions(&world.tenant, Some("shop"), 1_000).unwrap();
    let pages =
        transitions.iter().filter(|seen| matches!(seen.key.kind, AlertKind::BurnRate { .. }));
    let mut fired = 0;
    for page in pages.filter(|seen| seen.level == "firing") {
        let alerts = world.slos.alerts(&world.tenant).unwrap();
        let alert = alerts.into_iter().find(|alert| alert.key == page.key).unwrap();
        let fingerprint = crate::Fingerprint::of(&alert.labels);
        let evidence = world.slos.evidence(&world.tenant, fingerprint, 9).unwrap();
        let [evidence] = &evidence[..] else { panic!("{page:?}: {evidence:?}") };
        let window = &evidence.explanation.window;
        assert_eq!((evidence.starts_at, window.end), (page.at, page.until * 1_000_000_000));
        assert!(page.reason.contains(&format!("; {} of ", window.bad)), "{page:?}: {window:?}");
        fired += 1;
    }
    assert_eq!(fired, 10, "of nine groups, and of the whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_late_changes_the_budget_and_pages_nobody_and_the_future_counts_for_nothing() {
    let mut world = World::new().await;
    let spec = SPEC.replace("page 10m/1m 10%", "page 1h/30m burn 2");
    world.slos.put(&world.tenant, &spec).unwrap();
    for _ in 0..180 {
        world.tick(&[("cart", 1, 0)]).await;
    }
    let late = world.now - 25 * 60;
    world.send(&[("cart", 0, 600)], late).await;
    world.send(&[("cart", 0, 7)], world.now + 600).await;
    for _ in 0..6 {
        world.tick(&[("cart", 1, 0)]).await;
        assert_eq!(world.firing(), (vec![], false));
    }
    let check = |world: &World| {
        let standing = world.standing();
        let objective = &standing.objectives[0];
        assert_eq!((objective.status.events.bad(), objective.counting.late_events), (600, 600));
        assert!(objective.status.remaining.unwrap() < 0.0);
        assert_eq!(objective.counting.future_events, 7);
        assert_eq!(objective.status.tiers[0].long_burn, Some(0.0));
    };
    check(&world);
    world.fixture.parts.storage.flush().await.unwrap();
    world.tick(&[("cart", 1, 0)]).await;
    check(&world);
    world.reopen();
    world.tick(&[("cart", 1, 0)]).await;
    assert!(!world.firing().1, "a restart forgets what was late");
    check(&world);
    // So it is when it comes just before or after a restart, of groups, too.
    for is_before in [true, false] {
        world.now += 10;
        if !is_before {
            world.reopen();
        }
        world.send(&[("cart", 0, 300)], late).await;
        world.send(&[("slow", 0, 40)], late).await;
        if is_before {
            world.reopen();
        }
        world.tick(&[("cart", 1, 0)]).await;
        assert_eq!(world.firing(), (vec![], false), "before a restart: {is_before}");
    }
    world.fixture.parts.storage.flush().await.unwrap();
    world.reopen();
    world.tick(&[("cart", 1, 0)]).await;
    assert_eq!(world.firing(), (vec![], false));
    assert_eq!(world.standing().objectives[0].counting.late_events, 600 + 2 * 340);
    // What fails now is told.
    for _ in 0..30 {
        world.tick(&[("cart", 0, 20)]).await;
    }
    assert_eq!(world.firing(), (vec!["cart".to_owned()], true));
}

/// Two services, the whole in equal parts.
const COMPOSITE: &str = "apiVersion: openslo/v1
kind: SLO
metadata:
  name: both
  annotations:
    binnacle/tiers: page 1h/30m burn 2
    binnacle/composite: weighted target=0.9
spec:
  service: shop
  timeWindow: [{duration: 6h, isRolling: true}]
  budgetingMethod: Occurrences
  objectives:
    - target: 0.9
      indicator:
        metadata: {name: cart}
        spec:
          ratioMetric:
            total: {metricSource: {type: spans, spec: {query: '{ name = \"cart\" }'}}}
            good: {metricSource: {type: spans, spec: {query: '{ status != error }'}}}
    - target: 0.9
      indicator:
        metadata: {name: pay}
        spec:
          ratioMetric:
            total: {metricSource: {type: spans, spec: {query: '{ name = \"pay\" }'}}}
            good: {metricSource: {type: spans, spec: {query: '{ status != error }'}}}
";

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_late_for_a_member_pages_for_no_composite() {
    let mut world = World::new().await;
    world.slos.put(&world.tenant, COMPOSITE).unwrap();
    for _ in 0..180 {
        world.tick(&[("cart", 1, 0), ("pay", 1, 0)]).await;
    }
    let late = world.now - 25 * 60;
    world.send(&[("cart", 0, 600)], late).await;
    let fires = |world: &World| -> Vec<bool> {
        let standing = world.slos.standing(&world.tenant, "both").unwrap();
        let fires =
            |of: &super::ObjectiveStanding| of.latches.iter().any(|latch| latch.is_firing());
        standing.objectives.iter().map(fires).collect()
    };
    for round in 0..4 {
        world.tick(&[("cart", 1, 0), ("pay", 1, 0)]).await;
        let standing = world.slos.standing(&world.tenant, "both").unwrap();
        let whole = &standing.objectives[2];
        let burns: Vec<_> = whole.status.tiers.iter().map(|tier| tier.long_burn).collect();
        assert_eq!(burns, [Some(0.0)], "round {round}");
        assert!(whole.status.remaining.unwrap() < 0.0, "it changes the budget");
        if round == 1 {
            world.reopen();
        }
    }
    // What fails now is told.
    for _ in 0..30 {
        world.tick(&[("cart", 0, 20), ("pay", 1, 0)]).await;
    }
    assert!(fires(&world)[2], "{:?}", fires(&world));
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_the_whole_stays_exact_and_the_rest_is_one_group() {
    let mut world = World::new().await;
    let names: Vec<String> = (0..520).map(|number| format!("op-{number:03}")).collect();
    let rates: Vec<(&str, u64, u64)> = names.iter().map(|name| (name.as_str(), 1, 0)).collect();
    for _ in 0..3 {
        world.tick(&rates).await;
    }
    world.tick(&[]).await;
    let standing = world.standing();
    let objective = &standing.objectives[0];
    assert_eq!(objective.status.events.total, 3 * 520);
    assert_eq!(objective.groups.len(), 501);
    assert!(objective.groups[0].group.is_overflow(), "{OVERFLOW} is first");
    assert_eq!(objective.groups[0].status.events.total, 3 * 20);
    assert!(objective.groups[1..].iter().all(|of| of.status.events.total == 3));
    // What is explained of it leaves out the groups that have a place of their own.
    let (begin, end) = (BEGIN, world.now + 10);
    let (window, before) = (begin..end, begin - 3_600..begin);
    let of = (0, Some(&objective.groups[0].group));
    let explained = world.slos.explain(&world.tenant, &standing.loaded, of, window, before).await;
    let window = explained.unwrap().window;
    assert_eq!((window.good, window.bad), (3 * 20, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_long_ago_keeps_no_places_for_groups() {
    let mut world = World::new().await;
    let names: Vec<String> = (0..520).map(|number| format!("op-{number:03}")).collect();
    let rates: Vec<(&str, u64, u64)> = names.iter().map(|name| (name.as_str(), 1, 0)).collect();
    world.tick(&[("cart", 1, 0)]).await;
    let long_ago = world.now - 40 * 3_600;
    world.send(&rates, long_ago).await;
    for round in 0..4 {
        world.tick(&[("cart", 1, 0), ("pay", 1, 0)]).await;
        let standing = world.standing();
        let groups = standing.objectives[0].groups.iter();
        let names: Vec<_> = groups.filter(|of| !of.group.is_overflow()).collect();
        assert_eq!(names.len(), 2, "round {round}");
        if round == 1 {
            world.fixture.parts.storage.flush().await.unwrap();
        }
        if round == 2 {
            world.reopen();
        }
    }
}
