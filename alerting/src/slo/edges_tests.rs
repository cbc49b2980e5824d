use super::*;
use crate::slo::evaluate::{Facts, evaluate};
use crate::slo::exclusion::{Exclusion, Kept};

use crate::slo::tally::StoredHour;
use crate::slo::tests::policy;
use crate::slo::{
    Calendar, CalendarUnit, Count, History, Method, Status, Tally, TimesliceGoal, Window, slice_of,
};
use binnacle_storage::model::Timestamp;
use proptest::prelude::*;

const HOUR: i64 = 3_600;

#[test]
fn windows_are_looked_into_where_they_begin() {
    let month = policy(999_000_000);
    let at = 1_000_000 * HOUR + 90;
    let edges = Edges::of(&[month], at);
    let Edges::Some { from, earlier } = &edges else { panic!("{edges:?}") };
    assert_eq!(*from, 1_000_000 - 8);
    let back: Vec<i64> = earlier.iter().map(|hour| 1_000_000 - hour).collect();
    assert_eq!(back, [720, 72, 24]);
    assert!(edges.has(1_000_000) && edges.has(1_000_000 - 72) && !edges.has(1_000_000 - 71));
}

#[test]
fn what_is_looked_at_everywhere_is_kept_whole() {
    let mut day = policy(999_000_000);
    day.window = Window::Rolling { seconds: 86_400 };
    assert_eq!(Edges::of(&[policy(999_000_000), day], 0), Edges::All);
    let mut odd = policy(999_000_000);
    odd.method = Method::Timeslices(TimesliceGoal { seconds: 420, target_parts: 1 });
    assert_eq!(Edges::of(&[odd], 0), Edges::All);
}

fn status(policy: &Policy, tally: &Tally, watermark: i64) -> Status {
    let all = tally.counted(policy.method).unwrap();
    let kept = Kept::of(policy, tally.events(), all);
    let facts = Facts {
        counted: kept.as_ref().map_or(all, |kept| &kept.counted),
        events: kept.as_ref().map_or(tally.events(), |kept| &kept.events),
        all_events: tally.events(),
        excluded: kept.as_ref().map_or(&[], |kept| &kept.excluded),
        now: Timestamp((watermark + 5) * 1_000_000_000),
        watermark,
        lag_seconds_max: 60,
        has_failed: false,
        last_heard: Some(watermark),
        silence_seconds_max: 120,
        unmeasured: &[],
        is_group: true,
    };
    evaluate(policy, &facts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn sums_of_hours_that_are_not_looked_into_change_nothing(
        method in prop::sample::select(vec![
            Method::Occurrences,
            Method::Timeslices(TimesliceGoal { seconds: 60, target_parts: 900_000_000 }),
            Method::RatioTimeslices { seconds: 300 },
        ]),
        is_calendar in any::<bool>(),
        is_excluded in any::<bool>(),
        watermark in 0i64..86_400,
        seed in any::<u64>(),
        ahead in 0i64..7_200,
    ) {
        let mut policy = policy(990_000_000);
        policy.method = method;
        if is_calendar {
            let start = chrono::NaiveDate::from_ymd_opt(2024, 1, 1).unwrap().and_hms_opt(0, 20, 0).unwrap();
            let zone = "Asia/Kathmandu".parse().unwrap();
            policy.window = Window::Calendar(Calendar { start, zone, count: 1, unit: CalendarUnit::Months });
        }
        if is_excluded {
            policy.exclusions.push(Exclusion::parse("daily 03:15/40m Europe/Berlin backups").unwrap());
        }
        // Events in a tenth of all slices of 34 days, of which a twentieth fails.
        let begin = 1_709_251_200;
        let watermark = begin + 33 * 86_400 + watermark / 10 * 10;
        let mut number = seed | 1;
        let mut next = |below: u64| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (number >> 33) % below
        };
        let slices = slice_of(begin)..slice_of(watermark) + 3;
        let events: History = slices
            .filter_map(|at| {
                let total = next(12);
                (next(10) == 0 && total > 0).then(|| (at, Count::new(total - u64::from(next(20) == 0), total)))
            })
            .collect();
        let mut whole = Tally::of(events.clone());
        whole.prepare(method);
        let mut thin = Tally::of(events.clone());
        thin.prepare(method);
        // First as it was some time before, then on, as live.
        for at in [watermark - ahead / 10 * 10, watermark] {
            let edges = Edges::of(std::slice::from_ref(&policy), at);
            let missing = thin.missing(&Default::default(), Some(&edges));
            let hour = |number: i64| {
                let slices = events.slices(number * 360..(number + 1) * 360);
                let all = slices.map(|(at, count)| (at.rem_euclid(360) as u16, count)).collect();
                StoredHour { number, all, prompt: None }
            };
            thin.fill(missing.into_iter().map(hour).collect());
            thin.thin(|hour| edges.has(hour));
            prop_assert!(thin.events().bytes() * 2 < whole.events().bytes());
            prop_assert_eq!(status(&policy, &thin, at), status(&policy, &whole, at));
        }
    }
}
