//! What a `load` puts in.

use super::script::Load;
use binnacle_query::promql::describe::Point;
use binnacle_query::promql::histogram::{CUSTOM, Histogram};
use binnacle_query::promql::labels::{BUCKET_LABEL, Labels, METRIC_NAME};
use binnacle_query::promql::text::parse_number;
use std::collections::BTreeMap;

/// By time.
pub type Points = BTreeMap<i64, Point>;

/// The series of a load with their times.
pub fn load_series(load: &Load) -> Vec<(Labels, Points)> {
    let timed = load.series.iter().map(|(labels, points)| {
        let times = (0..).map(|at| at * load.step);
        let points =
            times.zip(points.iter().cloned()).filter(|(_, point)| *point != Point::Nothing);
        (labels.clone(), points.collect::<Points>())
    });
    let mut all: Vec<(Labels, Points)> = timed.collect();
    if load.with_custom_buckets {
        all.extend(custom(&all));
    }
    all
}

/// One classic histogram at one time: counts by bound, count and sum.
#[derive(Debug, Default)]
struct Classic {
    counts: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// Classic histograms as native ones with custom bounds.
fn custom(series: &[(Labels, Points)]) -> Vec<(Labels, Points)> {
    let mut found: BTreeMap<Labels, BTreeMap<i64, Classic>> = BTreeMap::new();
    for (labels, points) in series {
        let name = labels.metric_name();
        let suffix =
            ["_bucket", "_count", "_sum"].into_iter().find(|suffix| name.ends_with(suffix));
        let Some(suffix) = suffix else { continue };
        let base = name.strip_suffix(suffix).unwrap_or(name);
        let bound = parse_number(labels.value(BUCKET_LABEL));
        if suffix == "_bucket" && bound.is_none() {
            continue;
        }
        let key = labels.without(&[BUCKET_LABEL]).with(METRIC_NAME, base);
        for (time, point) in points {
            let Point::Float(value) = point else { continue };
            let classic = found.entry(key.clone()).or_default().entry(*time).or_default();
            match (suffix, bound) {
                ("_bucket", Some(bound)) => classic.counts.push((bound, *value)),
                ("_count", _) => classic.count = Some(*value),
                _ => classic.sum = *value,
            }
        }
    }
    let native = |(labels, classics): (Labels, BTreeMap<i64, Classic>)| {
        let points = classics.into_iter().filter(|(_, classic)| !classic.counts.is_empty());
        let points = points.map(|(time, c)| (time, Point::Histogram(Box::new(convert(c)))));
        (labels, points.collect())
    };
    found.into_iter().map(native).filter(|(_, points): &(_, Points)| !points.is_empty()).collect()
}

fn convert(mut classic: Classic) -> Histogram {
    classic.counts.sort_by(|a, b| a.0.total_cmp(&b.0));
    classic.counts.dedup_by(|next, kept| next.0 == kept.0);
    let infinite = classic.counts.last().filter(|(bound, _)| bound.is_infinite()).map(|(_, c)| *c);
    let count =
        classic.count.or(infinite).or(classic.counts.last().map(|(_, c)| *c)).unwrap_or(0.0);
    let bounds: Vec<f64> =
        classic.counts.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect();
    let mut before = 0.0;
    let mut counts = classic.counts.iter().map(|(_, count)| *count).collect::<Vec<_>>();
    counts.resize(bounds.len() + 1, count);
    let positive = (0..).zip(counts).map(|(index, total)| {
        let own = total - before;
        before = total;
        (index, own)
    });
    let positive = positive.filter(|(_, own)| *own != 0.0).collect();
    Histogram {
        schema: CUSTOM,
        count,
        sum: classic.sum,
        positive,
        bounds: bounds.into(),
        ..Histogram::default()
    }
}
