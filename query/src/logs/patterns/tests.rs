//! Patterns do not hang on the order of lines.

use super::*;
use proptest::prelude::*;

fn row(time: i64, severity: usize) -> Row {
    Row { time, severity, weight: 1 }
}

fn counter(lines: &[(Option<&str>, i64)]) -> PatternCounter {
    let mut counter = PatternCounter::new(Some(10));
    for (line, time) in lines {
        counter.add(*line, row(*time, 3));
    }
    counter
}

#[test]
fn patterns_say_how_many_when_and_how_bad() {
    let lines = [
        (Some("order 1 failed: timeout after 12ms"), 5),
        (Some("order 22 failed: timeout after 3ms"), 25),
        (Some("started"), 7),
        (None, 9),
    ];
    let mut counter = counter(&lines);
    counter.add(Some("order 9 failed: timeout after 1ms"), row(21, 5));
    counter.add(Some("order 9 failed: timeout after 1ms"), row(3, 5));
    let patterns = counter.patterns();
    let expected = LogPattern {
        pattern: Some("order <_> failed: timeout after <_>".to_owned()),
        count: 4,
        severity: Some("error"),
        first: Timestamp(3),
        last: Timestamp(25),
        sample: Some("order 22 failed: timeout after 3ms".to_owned()),
        counts: vec![(Timestamp(0), 2), (Timestamp(20), 2)],
    };
    assert_eq!(patterns[0], expected);
    let others: Vec<_> = patterns[1..].iter().map(|p| (p.pattern.as_deref(), p.count)).collect();
    assert_eq!(others, [(None, 1), (Some("started"), 1)]);
}

#[test]
fn too_many_kinds_are_counted_together() {
    let mut counter = PatternCounter::new(None);
    let letters = |n: usize| -> String {
        (0..4).map(|i| char::from(b'g' + (n / 16usize.pow(i) % 16) as u8)).collect()
    };
    for number in 0..MASKED_MAX + 10 {
        counter.add(Some(&letters(number)), row(0, 0));
    }
    assert!(counter.is_over());
    let patterns = counter.patterns();
    assert_eq!(patterns.len(), NEIGHBOURS + 1);
    assert_eq!(patterns.iter().map(|p| p.count).sum::<u64>(), (MASKED_MAX + 10) as u64);
    assert_eq!(patterns[0].pattern.as_deref(), Some(ANYTHING));
}

/// One word lines have first words of their own, so that only the number of clusters bounds them.
const NEIGHBOURS: usize = CLUSTERS_MAX;

proptest! {
    #[test]
    fn neither_order_nor_place_matters(
        lines in prop::collection::vec((prop::option::of("(user (ann|bob|eve)|order [0-9]{1,3}) (paid|left|came) (now|later|in [0-9]ms)"), 0i64..40), 0..60),
        cut in 0usize..60,
        turn in 0usize..60,
    ) {
        let lines: Vec<(Option<&str>, i64)> = lines.iter().map(|(l, t)| (l.as_deref(), *t)).collect();
        let whole = counter(&lines).patterns();
        let mut turned = lines.clone();
        turned.rotate_left(turn.min(lines.len()));
        let (first, rest) = turned.split_at(cut.min(lines.len()));
        let mut united = counter(rest);
        united.unite(counter(first));
        let found = united.patterns();
        prop_assert_eq!(&found, &whole);
        prop_assert_eq!(whole.iter().map(|p| p.count).sum::<u64>(), lines.len() as u64);
    }
}
