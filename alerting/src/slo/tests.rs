//! The evaluator against simulated outages: times to fire and to resolve are those of the closed forms.

use super::data_state::Absence;
use super::*;
use binnacle_storage::model::Timestamp;
use std::ops::Range;

const MONTH: u64 = 30 * 86_400;
const DAY: i64 = 86_400;

/// Far enough from 0 that every window has a past.
const START: i64 = 400 * DAY;

pub(super) fn policy(parts: u64) -> Policy {
    Policy {
        objective: Objective::new(parts).unwrap(),
        method: Method::Occurrences,
        window: Window::Rolling { seconds: MONTH },
        tiers: DEFAULT_TIERS.to_vec(),
        hold_seconds: 0,
        guards: Guards::default(),
        mode: Mode::Rate,
        no_traffic: Absence::Hold,
        no_telemetry: Absence::Hold,
        exclusions: Vec::new(),
    }
}

/// A service whose slices are known, looked at every 10 s.
struct World {
    policy: Policy,
    events: History,
    unmeasured: Vec<Range<i64>>,
    last_heard: Option<i64>,
}

impl World {
    /// `rate` events per slice in `[from, to)`, of which a share of parts per million fails as `bad` says by time.
    fn new(policy: Policy, range: Range<i64>, rate: u64, bad: impl Fn(i64) -> u64) -> World {
        let slices = slice_of(range.start)..slice_of(range.end);
        let events = slices.map(|at| {
            let bad = rate * bad(at * SLICE_SECONDS) / 1_000_000;
            (at, Count::new(rate - bad, rate))
        });
        World { policy, events: events.collect(), unmeasured: Vec::new(), last_heard: None }
    }

    fn look(&self, counted: &Counted, now: i64) -> Status {
        let kept = Kept::of(&self.policy, &self.events, counted);
        let facts = Facts {
            counted: kept.as_ref().map_or(counted, |kept| &kept.counted),
            events: kept.as_ref().map_or(&self.events, |kept| &kept.events),
            all_events: &self.events,
            excluded: kept.as_ref().map_or(&[], |kept| &kept.excluded),
            now: Timestamp(now * 1_000_000_000),
            watermark: now,
            lag_seconds_max: 60,
            has_failed: false,
            last_heard: self.last_heard.map_or(Some(now), |heard| Some(heard.min(now))),
            silence_seconds_max: 120,
            unmeasured: &self.unmeasured,
            is_group: false,
        };
        evaluate(&self.policy, &facts)
    }

    /// When each alert fires and resolves, seen every 10 s.
    fn run(&self, range: Range<i64>) -> Vec<(AlertKind, i64, bool)> {
        self.run_at(range.step_by(10))
    }

    fn run_at(&self, times: impl IntoIterator<Item = i64>) -> Vec<(AlertKind, i64, bool)> {
        let counted = Counted::of(self.policy.method, &self.events);
        let mut latches = std::collections::BTreeMap::<AlertKind, Latch>::new();
        let mut transitions = Vec::new();
        for now in times {
            for alert in self.look(&counted, now).alerts {
                let latch = latches.entry(alert.kind).or_default();
                let next = latch.next(alert.seen, now, alert.temper);
                if next.is_firing() != latch.is_firing() {
                    transitions.push((alert.kind, now, next.is_firing()));
                }
                *latch = next;
            }
        }
        transitions
    }
}

fn of(tier: Tier) -> AlertKind {
    let Tier { long_seconds, short_seconds, .. } = tier;
    AlertKind::BurnRate { long_seconds, short_seconds }
}

/// The closed forms: seconds until a tier fires in an outage of a share, and until it resolves after one long enough.
fn closed_form(tier: Tier, share: f64) -> Option<(f64, f64)> {
    let limit = tier.threshold(MONTH).as_f64() * 0.001;
    let detection = limit * tier.long_seconds as f64 / share;
    let reset = tier.short_seconds as f64 * (1.0 - limit / share);
    (share > limit).then_some((detection, reset))
}

#[test]
fn outages_are_told_of_and_over_when_the_closed_forms_say() {
    let shares = [1_000_000, 150_000, 50_000, 20_000, 10_000, 7_000, 5_000, 2_000, 900];
    let lengths = [60, 600, 3_600, 6 * 3_600, DAY, 3 * DAY];
    let mut told = 0;
    for (share, length) in shares.iter().flat_map(|share| lengths.map(|length| (*share, length))) {
        let end = START + length;
        let is_out = |at: i64| if (START..end).contains(&at) { share } else { 0 };
        let range = START - 4 * DAY..end + 7 * 3_600;
        let world = World::new(policy(999_000_000), range, 10_000, is_out);
        for tier in DEFAULT_TIERS {
            let what = format!("{tier} at {share} ppm for {length} s");
            let expected = expected(tier, share as f64 / 1e6, length as f64);
            let around = expected
                .into_iter()
                .flat_map(|(fires, over)| [START + fires as i64, end + over as i64]);
            let mut times: std::collections::BTreeSet<i64> = around
                .flat_map(|time| (-6..=6).map(move |step| time.div_euclid(10) * 10 + step * 10))
                .collect();
            times.extend((START - 60..end + 7 * 3_600).step_by(1_200));
            let transitions = world.run_at(times);
            let of_tier = transitions.iter().filter(|(kind, ..)| *kind == of(tier));
            let seen: Vec<i64> = of_tier.map(|(_, at, _)| *at).collect();
            let Some((fires, over)) = expected else {
                assert!(seen.is_empty(), "{what}: {seen:?}");
                continue;
            };
            let [fired, resolved] = seen[..] else { panic!("{what}: {seen:?}") };
            let (fired, resolved) = ((fired - START) as f64, (resolved - end) as f64);
            assert!((fired - fires).abs() <= 10.0, "{what}: told after {fired} s, not {fires}");
            assert!((resolved - over).abs() <= 10.0, "{what}: over after {resolved} s, not {over}");
            told += 1;
        }
    }
    assert!(told > 60, "only {told} outages were told of");
}

/// Seconds from its begin until a tier fires, and from its end until it resolves; `None` for an outage that is too short or
/// too mild.
fn expected(tier: Tier, share: f64, length: f64) -> Option<(f64, f64)> {
    closed_form(tier, share).filter(|(detection, _)| *detection <= length)
}

#[test]
fn the_published_figures_are_ours() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/sre-workbook/numbers.json");
    let numbers: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let total = &numbers["derived_total_outage"];
    let near = |a: f64, name: &str| {
        let b = total[name].as_f64().unwrap();
        assert!((a - b).abs() < 0.001, "{name}: {a}, not {b}");
    };
    let outage = |tier: usize| closed_form(DEFAULT_TIERS[tier], 1.0).unwrap();
    near(outage(0).0, "page_1h_14.4_detection_s");
    near(outage(1).0, "page_6h_6_detection_s");
    near(outage(3).0, "ticket_3d_1_detection_s");
    near(outage(0).1, "short_window_5m_reset_s");
    for published in numbers["recommended_multiwindow"].as_array().unwrap() {
        let is_it = |tier: &&Tier| published["long"] == span(tier.long_seconds);
        let tier = DEFAULT_TIERS.iter().find(is_it).unwrap();
        assert_eq!(published["short"], span(tier.short_seconds));
        assert_eq!(published["factor"].as_f64().unwrap(), tier.threshold(MONTH).as_f64());
        assert_eq!(published["severity"], tier.severity.name());
    }
    for row in numbers["time_to_exhaustion"].as_array().unwrap() {
        let share = row["error_pct"].as_f64().unwrap() * 1e4;
        let world =
            World::new(policy(999_000_000), START - DAY..START, 1_000_000, |_| share as u64);
        let status = world.look(&Counted::of(Method::Occurrences, &world.events), START);
        let burn = status.tiers[0].long_burn.unwrap();
        assert!((burn - row["burn"].as_f64().unwrap()).abs() < 1e-9, "{row}");
    }
}

#[test]
fn a_page_is_held_while_nothing_is_heard_and_while_there_is_no_traffic() {
    let is_out = |at: i64| if at >= START { 1_000_000 } else { 0 };
    let mut world = World::new(policy(999_000_000), START - 2 * DAY..START + 600, 1_000, is_out);
    world.last_heard = Some(START + 600);
    let counted = Counted::of(Method::Occurrences, &world.events);
    assert_eq!(world.look(&counted, START + 600).state, DataState::Measured);
    let page = of(DEFAULT_TIERS[0]);
    let transitions = world.run(START - 60..START + 4 * 3_600);
    let of_page: Vec<bool> = transitions.iter().filter(|t| t.0 == page).map(|t| t.2).collect();
    assert_eq!(of_page, [true], "a page resolves although nothing is measured");
    let silence = transitions.iter().find(|t| t.0 == AlertKind::NoTelemetry).unwrap();
    assert!((600..=620).contains(&(silence.1 - START - 600)), "{silence:?}");
    // Its telemetry goes on, but there are no requests.
    world.last_heard = None;
    let status = world.look(&counted, START + 600 + 2 * 3_600);
    assert_eq!(status.state, DataState::NoTraffic);
    let transitions = world.run(START - 60..START + 4 * 3_600);
    assert_eq!(transitions.iter().filter(|t| t.0 == page).count(), 1);
    let quiet = transitions.iter().find(|t| t.0 == AlertKind::NoTraffic).unwrap();
    assert!((3_600..=3_620).contains(&(quiet.1 - START - 600)), "{quiet:?}");
    // Its owner knows better.
    world.policy.no_traffic = Absence::Good;
    assert_eq!(world.run(START - 60..START + 4 * 3_600).iter().filter(|t| t.0 == page).count(), 2);
}

#[test]
fn what_was_not_measured_is_neither_good_nor_bad() {
    let is_out = |at: i64| if at >= START { 1_000_000 } else { 0 };
    let mut world = World::new(policy(999_000_000), START - 2 * DAY..START + 300, 1_000, is_out);
    world.unmeasured.push(slice_of(START - 3_000)..slice_of(START - 2_100));
    let counted = Counted::of(Method::Occurrences, &world.events);
    let status = world.look(&counted, START + 300);
    assert_eq!(status.tiers[0].state, DataState::LowCoverage, "a quarter of the hour is unknown");
    assert_eq!(status.tiers[1].state, DataState::Measured);
    assert_eq!(status.alerts[0].seen, Seen::Unmeasured);
    assert_eq!(coverage(&world.unmeasured, slice_of(START - 3_600)..slice_of(START)), 750_000);
}

#[test]
fn one_failure_of_few_requests_pages_nobody_and_a_slow_burn_is_a_ticket() {
    // 10 requests an hour: one in every 36th slice.
    let run = |guards: Guards, days: i64, is_bad: &dyn Fn(i64) -> bool| {
        let events = (0..(31 + days) * 240).map(|index| {
            let at = START - 31 * DAY + index * 360;
            (slice_of(at), Count::new(u64::from(!is_bad(index)), 1))
        });
        let policy = Policy { guards, ..policy(999_000_000) };
        let world =
            World { policy, events: events.collect(), unmeasured: Vec::new(), last_heard: None };
        world.run(START - 60..START + days * DAY)
    };
    let pages = |transitions: &[(AlertKind, i64, bool)]| {
        let is_page =
            |kind: AlertKind| kind == of(DEFAULT_TIERS[0]) || kind == of(DEFAULT_TIERS[1]);
        transitions.iter().filter(|(kind, _, fires)| *fires && is_page(*kind)).count()
    };
    let tickets = |transitions: &[(AlertKind, i64, bool)]| {
        transitions.iter().filter(|(_, _, fires)| *fires).count() - pages(transitions)
    };
    let lone = |index: i64| index == 31 * 240 + 5;
    let (plain, guarded) = (run(Guards::OFF, 1, &lone), run(Guards::default(), 1, &lone));
    println!(
        "one failure in a day of 10 requests/h: plain rules page {} times, ours {}",
        pages(&plain),
        pages(&guarded)
    );
    assert!(pages(&plain) > 0);
    assert_eq!(pages(&guarded), 0);
    // Every 100th request fails for eight days: ten budgets at once, a request every ten hours.
    let slow = |index: i64| index >= 31 * 240 && index % 100 == 0;
    let (plain, guarded) = (run(Guards::OFF, 8, &slow), run(Guards::default(), 8, &slow));
    println!(
        "1 % failing for 8 days: plain rules page {} times and write {} tickets, ours {} and {}",
        pages(&plain),
        tickets(&plain),
        pages(&guarded),
        tickets(&guarded)
    );
    assert_eq!(pages(&guarded), 0);
    assert!(tickets(&guarded) > 0, "eight days of slow burn go unnoticed");
}

#[test]
fn few_requests_by_chance_are_no_silence_and_real_silence_is_told() {
    let mut random = 9u64;
    let mut chance = move || {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((random >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    for per_hour in [4.0, 6.0, 12.0, 60.0] {
        let end = START + 12 * DAY;
        let mut at = (START - DAY) as f64;
        let events: History = std::iter::from_fn(|| {
            at += -chance().ln() / per_hour * 3_600.0;
            ((at as i64) < end).then(|| (slice_of(at as i64), Count::new(1, 1)))
        })
        .collect();
        let last = (events.last().unwrap() + 1) * SLICE_SECONDS;
        let policy = policy(999_000_000);
        let world = World { policy, events, unmeasured: Vec::new(), last_heard: None };
        let told = world.run_at((START..end + DAY).step_by(60)).into_iter();
        let told: Vec<_> = told.filter(|seen| seen.0 == AlertKind::NoTraffic).collect();
        let [(_, at, true)] = told[..] else { panic!("{per_hour}/h: {told:?}") };
        let longest = if per_hour > 10.0 { 2 * 3_600 } else { 6 * 3_600 };
        assert!((3_600..longest).contains(&(at - last)), "{per_hour}/h: after {} s", at - last);
    }
}

#[test]
fn an_outage_that_comes_and_goes_is_one_page() {
    // A minute of every two fails wholly, for two hours.
    let is_out = |at: i64| {
        if (START..START + 7_200).contains(&at) && (at - START) % 120 < 60 { 1_000_000 } else { 0 }
    };
    let world = World::new(policy(999_000_000), START - 4 * DAY..START + 3 * 3_600, 1_000, is_out);
    let ticks = (START - 60..START + 3 * 3_600).step_by(10);
    let counted = Counted::of(Method::Occurrences, &world.events);
    let page = of(DEFAULT_TIERS[0]);
    let mut hot = ticks.map(|now| {
        let alerts = world.look(&counted, now).alerts;
        alerts.iter().any(|alert| alert.kind == page && matches!(alert.seen, Seen::Hot { .. }))
    });
    let mut last = false;
    let plain =
        hot.by_ref().filter(|is_hot| std::mem::replace(&mut last, *is_hot) != *is_hot).count();
    let ours = world.run(START - 60..START + 3 * 3_600);
    let ours: Vec<_> = ours.iter().filter(|(kind, ..)| *kind == page).collect();
    println!("flapping every minute: plain rules change {plain} times, ours {}", ours.len());
    assert_eq!(
        ours.iter().map(|(.., fires)| *fires).collect::<Vec<_>>(),
        [true, false],
        "{ours:?}"
    );
    assert!(plain >= ours.len());
    // Gone for longer than a short window each time, it is a page each time, but none twice within that window.
    let is_out = |at: i64| if at >= START && (at - START) % 1_200 < 120 { 1_000_000 } else { 0 };
    let world = World::new(policy(999_000_000), START - 4 * DAY..START + 3 * 3_600, 1_000, is_out);
    let ours = world.run(START - 60..START + 3 * 3_600);
    let fired: Vec<i64> =
        ours.iter().filter(|(kind, _, fires)| *kind == page && *fires).map(|t| t.1).collect();
    assert_eq!(fired.len(), 9, "{fired:?}");
}

#[test]
fn an_outage_that_is_excluded_counts_for_nothing_and_its_page_ends() {
    let is_out = |at: i64| if (START..START + 1_800).contains(&at) { 1_000_000 } else { 0 };
    let mut world = World::new(policy(999_000_000), START - DAY..START + 3_600, 100, is_out);
    let counted = Counted::of(Method::Occurrences, &world.events);
    let before = world.look(&counted, START + 1_800);
    assert!(before.remaining.unwrap() < 0.0);
    let page = |status: &Status| status.alerts[0].seen;
    assert_eq!(page(&before), Seen::Hot { is_believed: true });
    let time = |at: i64| chrono::DateTime::from_timestamp(at, 0).unwrap().to_rfc3339();
    let text = format!("{}/{} a provider's outage (ann)", time(START), time(START + 1_800));
    world.policy.exclusions.push(Exclusion::parse(&text).unwrap());
    let after = world.look(&counted, START + 1_800);
    assert_eq!(after.count, Count::new(864_000, 864_000));
    assert_eq!((after.remaining, after.excluded), (Some(1.0), Count::new(0, 18_000)));
    assert_eq!((after.excluded_seconds, after.coverage), (1_800, 1_000_000));
    assert_eq!(page(&after), Seen::Cool { is_over: true });
    // Time that nobody measured is not missing where it does not count.
    world.unmeasured.push(slice_of(START)..slice_of(START + 900));
    assert_eq!(world.look(&counted, START + 1_800).state, DataState::Measured);
    world.unmeasured[0].start -= 60;
    assert_eq!(world.look(&counted, START + 1_800).state, DataState::LowCoverage);
    // Silence that was announced is no alert.
    world.events = World::new(policy(999_000_000), START - 2 * DAY..START, 100, |_| 0).events;
    let text = format!("{}/{} away (ann)", time(START), time(START + 4 * 3_600));
    world.policy.exclusions = vec![Exclusion::parse(&text).unwrap()];
    assert!(world.run(START - 60..START + 4 * 3_600).is_empty());
}

#[test]
fn by_traffic_a_tier_waits_for_its_share_of_the_budget_of_all_events() {
    // A quiet day, and then an hour of a request a second, of which in the end every 50th fails.
    let quiet =
        (0..230).map(|index| (slice_of(START - 23 * 3_600 + index * 360), Count::new(1, 1)));
    let bad = |slice: i64| u64::from(slice >= 60 && slice % 5 == 0);
    let busy = (0..360).map(|slice| (slice_of(START) + slice, Count::new(10 - bad(slice), 10)));
    let events: History = quiet.chain(busy).collect();
    let share = Trigger::BudgetShare(200_000);
    let tier =
        Tier { severity: Severity::Page, long_seconds: 3_600, short_seconds: 300, trigger: share };
    let policy = |mode: Mode| Policy {
        window: Window::Rolling { seconds: DAY as u64 },
        tiers: vec![tier],
        guards: Guards::OFF,
        mode,
        ..policy(990_000_000)
    };
    let run = |mode: Mode| {
        let events = events.clone();
        let world =
            World { policy: policy(mode), events, unmeasured: Vec::new(), last_heard: None };
        let transitions = world.run(START - 60..START + 2 * 3_600).into_iter();
        transitions.filter(|seen| seen.0 == of(tier)).map(|(_, at, _)| at).collect::<Vec<_>>()
    };
    assert!(run(Mode::Rate).is_empty(), "a burn rate of 2 is below 4.8");
    let sum = |seconds: i64, now: i64| events.sum(slice_of(now - seconds)..slice_of(now));
    let has_spent = |now: &i64| {
        let (long, all) = (sum(3_600, *now), sum(DAY, *now));
        let least = 0.2 * 0.01 * all.total as f64;
        let rate = |window: Count| window.bad() as f64 / window.total as f64;
        let short = sum(300, *now);
        short.total > 0 && long.bad() as f64 >= least && rate(short) >= least / long.total as f64
    };
    let mut looks = (START - 60..START + 2 * 3_600).step_by(10);
    let fires = looks.find(has_spent).unwrap();
    let over = looks.find(|now| !has_spent(now) && sum(300, *now).total > 0).unwrap();
    assert_eq!(run(Mode::Budget), [fires, over]);
    // What it waits for is what is said.
    let counted = Counted::of(Method::Occurrences, &events);
    let world =
        World { policy: policy(Mode::Budget), events, unmeasured: Vec::new(), last_heard: None };
    let tier = &world.look(&counted, START + 3_600).tiers[0];
    assert_eq!(tier.threshold, Fraction::new(200_000 * 3_830, 1_000_000 * 3_600).unwrap());
}

#[test]
fn budgets_add_up_and_go_below_zero() {
    let world = World::new(policy(999_000_000), START - 30 * DAY..START, 1_000, |at| {
        if at >= START - 3_600 { 1_000_000 } else { 0 }
    });
    let status = world.look(&Counted::of(Method::Occurrences, &world.events), START);
    // An hour of 720 hours, of a budget of 0.1 %.
    assert_eq!(status.count, Count::new(719 * 360_000, 720 * 360_000));
    assert!((status.consumed.unwrap() - 1.0 / 0.72).abs() < 1e-9);
    assert!((status.remaining.unwrap() - (1.0 - 1.0 / 0.72)).abs() < 1e-9);
    assert!((status.remaining_count - (259_200.0 - 360_000.0)).abs() < 1e-6);
    assert_eq!((status.exhausted_in, status.exhausted_in_static), (Some(0), Some(0)));
    let half = World::new(policy(999_000_000), START - 30 * DAY..START, 10_000, |_| 500);
    let status = half.look(&Counted::of(Method::Occurrences, &half.events), START);
    assert_eq!(status.exhausted_in, None, "what comes is as bad as what leaves");
    assert_eq!(status.exhausted_in_static, Some(MONTH));
}

#[test]
fn a_calendar_period_earns_its_budget_by_events_and_has_it_by_time() {
    let calendar = |method| {
        let start =
            chrono::NaiveDate::from_ymd_opt(1971, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
        let zone: chrono_tz::Tz = "Etc/UTC".parse().unwrap();
        let window =
            Window::Calendar(Calendar { start, zone, count: 1, unit: CalendarUnit::Months });
        Policy { method, window, ..policy(990_000_000) }
    };
    // 1971-02-01 is day 396; its month has 28 days, and four are over.
    let world = World::new(calendar(Method::Occurrences), 390 * DAY..START, 100, |at| {
        if at < 396 * DAY + 3_600 { 1_000_000 } else { 0 }
    });
    let status = world.look(&Counted::of(Method::Occurrences, &world.events), START);
    assert_eq!(status.period, Period { start: 396 * DAY, end: 424 * DAY });
    assert_eq!(
        status.count,
        Count::new(95 * 36_000, 96 * 36_000),
        "the month before is another budget"
    );
    assert!((status.projected_budget.unwrap() - 0.01 * 28.0 * 24.0 * 36_000.0).abs() < 1e-6);
    assert!((status.consumed.unwrap() - 100.0 / 96.0).abs() < 1e-9, "of what is earned so far");
    let goal = TimesliceGoal { seconds: 60, target_parts: 950_000_000 };
    let minutes = Method::Timeslices(goal);
    let world = World { policy: calendar(minutes), ..world };
    let status = world.look(&Counted::of(minutes, &world.events), START);
    assert_eq!(status.count, Count::new(95 * 60, 96 * 60));
    assert!(
        (status.consumed.unwrap() - 60.0 / (0.01 * 28.0 * 1_440.0)).abs() < 1e-9,
        "of the whole month"
    );
}

#[test]
fn an_open_slice_of_time_is_not_a_dip() {
    let goal = TimesliceGoal { seconds: 60, target_parts: 950_000_000 };
    let policy = Policy { method: Method::Timeslices(goal), ..policy(990_000_000) };
    let world =
        World::new(
            policy,
            START - DAY..START + 20,
            100,
            |at| {
                if at >= START { 1_000_000 } else { 0 }
            },
        );
    let counted = Counted::of(world.policy.method, &world.events);
    assert_eq!(world.look(&counted, START + 20).until, START);
    assert_eq!(world.look(&counted, START + 20).count.bad(), 0);
    assert_eq!(world.look(&counted, START + 60).count.bad(), 1);
}

#[test]
fn an_outage_longer_than_the_long_window_stays_in_the_budget() {
    let end = START + 5 * 3_600;
    let is_out = |at: i64| if (START..end).contains(&at) { 1_000_000 } else { 0 };
    let world = World::new(policy(999_000_000), START - 31 * DAY..end + 5 * DAY, 100, is_out);
    let status = world.look(&Counted::of(Method::Occurrences, &world.events), end + 4 * DAY);
    assert_eq!(status.tiers[0].long_burn, Some(0.0));
    assert!(status.remaining.unwrap() < -5.0);
}
