use super::*;

fn exponential(schema: i32, positive: &[Count]) -> Histogram {
    let count = positive.iter().map(|(_, count)| count).sum();
    Histogram { schema, positive: positive.to_vec(), count, sum: count, ..Histogram::default() }
}

fn custom(bounds: &[f64], counts: &[Count]) -> Histogram {
    Histogram { schema: CUSTOM, bounds: bounds.into(), ..exponential(CUSTOM, counts) }
}

#[test]
fn schemas_meet_at_the_coarser_one() {
    let mut sum = exponential(1, &[(1, 1.0), (2, 2.0), (3, 4.0)]);
    sum.add(&exponential(0, &[(1, 10.0)])).unwrap();
    assert_eq!(sum.schema, 0);
    assert_eq!(sum.positive, [(1, 13.0), (2, 4.0)]);
    assert_eq!(exponential(0, &[]).add(&custom(&[1.0], &[])), Err(Incompatible));
}

#[test]
fn custom_bounds_meet_where_both_have_them() {
    let mut sum = custom(&[1.0, 2.0, 3.0], &[(0, 1.0), (1, 2.0), (3, 4.0)]);
    let added = sum.add(&custom(&[2.0, 5.0], &[(0, 10.0), (2, 20.0)])).unwrap();
    assert!(added.reconciled);
    assert_eq!(&*sum.bounds, [2.0]);
    assert_eq!(sum.positive, [(0, 13.0), (1, 24.0)]);
}

#[test]
fn zero_buckets_meet_at_the_wider_one() {
    let mut narrow = exponential(0, &[(-3, 1.0), (1, 2.0)]);
    let wide = Histogram { zero_threshold: 0.2, zero_count: 5.0, ..exponential(0, &[]) };
    narrow.add(&wide).unwrap();
    // Bucket -3 reaches from 1/16 to 1/8, inside of the wide zero bucket.
    assert_eq!((narrow.zero_threshold, narrow.zero_count), (0.2, 6.0));
    assert_eq!(narrow.positive, [(1, 2.0)]);
}

#[test]
fn resets_are_seen_in_single_buckets() {
    let before = exponential(0, &[(1, 2.0), (2, 1.0)]);
    assert!(!exponential(0, &[(1, 2.0), (2, 2.0)]).is_reset_after(&before));
    assert!(exponential(0, &[(1, 1.0), (2, 9.0)]).is_reset_after(&before));
    assert!(exponential(0, &[(1, 9.0)]).is_reset_after(&before));
    assert!(!exponential(-1, &[(1, 9.0)]).is_reset_after(&before));
    let hinted = Histogram { hint: ResetHint::NotReset, ..exponential(0, &[]) };
    assert!(!hinted.is_reset_after(&before));
}

#[test]
fn quantiles_interpolate_on_a_logarithmic_scale() {
    let histogram = exponential(0, &[(1, 4.0)]);
    assert!((quantile(0.5, &histogram).value - 2f64.sqrt()).abs() < 1e-12);
    assert!((fraction(1.0, 2f64.sqrt(), &histogram).0 - 0.5).abs() < 1e-12);
    let custom = custom(&[5.0, 10.0], &[(0, 1.0), (1, 1.0)]);
    assert_eq!(quantile(0.75, &custom).value, 7.5);
    assert_eq!(custom.to_string(), "{count:2, sum:2, [-Inf,5]:1, (5,10]:1}");
}

#[test]
fn trimming_keeps_one_side() {
    let histogram = exponential(0, &[(1, 4.0), (2, 4.0)]);
    let below = histogram.trimmed(2.0, Keep::Below);
    assert_eq!((below.count, below.positive), (4.0, vec![(1, 4.0)]));
    let above = histogram.trimmed(2.0, Keep::Above);
    assert_eq!(above.positive, [(2, 4.0)]);
}
