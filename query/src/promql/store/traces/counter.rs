//! Counters from what each minute came to.

use super::LIFE;
use super::metric::{Metric, Side, Value, connection_type, span_kind, status_code};
use crate::Error;
use crate::promql::labels::{BUCKET_LABEL, Labels, METRIC_NAME, Matcher, all_match};
use crate::promql::series::{Samples, Totals};
use crate::promql::source::Select;
use crate::promql::text::float_plain;
use crate::red::minutes::{CallMinute, Measured, SpanMinute};
use binnacle_storage::rollup::histogram;
use std::collections::BTreeMap;

pub const MINUTE_MS: i64 = 60_000;

/// The bounds of buckets are powers of two nanoseconds, between 66 µs and 69 s: at these the stored histograms can be cut exactly.
const POWER_MIN: u32 = 16;
const POWER_MAX: u32 = 36;
const BUCKETS: usize = (POWER_MAX - POWER_MIN + 2) as usize;

/// By labels (without the name) what each minute came to, by its end in Unix milliseconds.
#[derive(Default)]
pub struct Counters(BTreeMap<Labels, BTreeMap<i64, Minute>>);

/// What one minute came to.
#[derive(Debug, Default)]
struct Minute {
    count: i64,
    errors: i64,
    client: Durations,
    server: Durations,
}

#[derive(Debug, Default)]
struct Durations {
    count: i64,
    /// Nanoseconds.
    sum: i128,
    /// Not cumulative; the last has no bound.
    buckets: Option<Box<[i64; BUCKETS]>>,
}

impl Durations {
    fn add(&mut self, measured: &Measured) -> Result<(), Error> {
        self.count += measured.count;
        self.sum += measured.sum;
        if measured.histogram.is_empty() {
            return Ok(());
        }
        let buckets = self.buckets.get_or_insert_with(|| Box::new([0; BUCKETS]));
        histogram::each(&measured.histogram, |bucket, count| buckets[place(bucket)] += count)
            .map_err(|error| Error::Execution {
                message: format!("a histogram cannot be read: {error}"),
            })
    }
}

/// The bucket here that holds a stored one.
fn place(bucket: u16) -> usize {
    let (low, _) = histogram::bounds(bucket);
    let power = 64 - (low.max(0) as u64).leading_zeros();
    (power.clamp(POWER_MIN, POWER_MAX + 1) - POWER_MIN) as usize
}

/// The upper bound of a bucket in seconds, as a label's value.
fn bound(place: usize) -> String {
    if place + 1 == BUCKETS {
        return "+Inf".to_owned();
    }
    float_plain((1u64 << (POWER_MIN + place as u32)) as f64 / 1e9)
}

impl Counters {
    pub fn add_call(&mut self, call: CallMinute, matchers: &[Matcher]) -> Result<(), Error> {
        let connection = connection_type(&call.connection_type, &call.instrumented);
        let labels = [("client", &*call.caller), ("server", &call.callee)];
        let labels = labels.into_iter().chain([("connection_type", connection)]);
        let Some(minute) = self.minute(Labels::new(labels), call.minute, matchers) else {
            return Ok(());
        };
        minute.count += call.count;
        minute.errors += call.errors;
        minute.client.add(&call.client)?;
        // Of what sends no spans, the caller's measurement is all there is.
        let is_measured = call.instrumented != "caller";
        minute.server.add(if is_measured { &call.server } else { &call.client })
    }

    pub fn add_span(&mut self, span: SpanMinute, matchers: &[Matcher]) -> Result<(), Error> {
        let labels = Labels::new([
            ("service", &*span.service),
            ("span_name", &span.name),
            ("span_kind", span_kind(span.kind)),
            ("status_code", status_code(span.status)),
        ]);
        let Some(minute) = self.minute(labels, span.minute, matchers) else { return Ok(()) };
        minute.count += span.durations.count;
        minute.client.add(&span.durations)
    }

    /// `None` where the matchers do not want these labels, whatever the name and the bucket.
    fn minute(&mut self, labels: Labels, began: i64, matchers: &[Matcher]) -> Option<&mut Minute> {
        let is_own = |matcher: &&Matcher| !matches!(&*matcher.name, METRIC_NAME | BUCKET_LABEL);
        let mut own = matchers.iter().filter(is_own);
        if !own.all(|matcher| matcher.matches(labels.value(&matcher.name))) {
            return None;
        }
        let end = began.div_euclid(1_000_000) + MINUTE_MS;
        Some(self.0.entry(labels).or_default().entry(end).or_default())
    }

    /// The series of `metrics` that meet the selection; only their last sample if that is enough.
    pub fn series(
        &self,
        metrics: &[&Metric],
        select: &Select,
        only_last: bool,
    ) -> Result<Vec<Samples>, Error> {
        let mut list: Vec<Samples> = Vec::new();
        let mut bytes = 0;
        for (labels, minutes) in &self.0 {
            let life = Life::of(minutes, select, only_last);
            for metric in metrics {
                let new = list.len();
                life.counters(labels, metric, &select.matchers, &mut list);
                bytes += list[new..].iter().map(|samples| samples.size() as u64).sum::<u64>();
                if bytes > select.bytes_max {
                    return Err(Error::MemoryLimit { limit: select.bytes_max });
                }
            }
        }
        Ok(list)
    }
}

/// The times at which a series has a sample, and what was counted just before each.
struct Life<'a> {
    minutes: Vec<(i64, Option<&'a Minute>)>,
    /// Samples before this time only count for those that follow.
    start: i64,
}

impl<'a> Life<'a> {
    fn of(minutes: &'a BTreeMap<i64, Minute>, select: &Select, only_last: bool) -> Life<'a> {
        let mut life = Life { minutes: Vec::new(), start: select.start };
        if only_last {
            life.minutes
                .extend(minutes.iter().next_back().map(|(end, minute)| (*end, Some(minute))));
            return life;
        }
        for (end, minute) in minutes {
            life.go_on(*end - MINUTE_MS);
            life.minutes.push((*end, Some(minute)));
        }
        life.go_on(select.end);
        life
    }

    /// Goes on without anything new, up to `end` at most.
    fn go_on(&mut self, end: i64) {
        let Some((last, _)) = self.minutes.last().copied() else { return };
        let quiet = (1..=LIFE).map(|number| last + number * MINUTE_MS);
        self.minutes.extend(quiet.take_while(|time| *time <= end).map(|time| (time, None)));
    }

    fn counters(
        &self,
        labels: &Labels,
        metric: &Metric,
        matchers: &[Matcher],
        list: &mut Vec<Samples>,
    ) {
        let labels = labels.with(METRIC_NAME, metric.name);
        let mut add = |labels: Labels, value: &dyn Fn(&Minute) -> i128, unit: f64| {
            if all_match(matchers, &labels) {
                list.push(self.counter(labels, value, unit));
            }
        };
        let side = match metric.value {
            Value::Count => return add(labels, &|minute| i128::from(minute.count), 1.0),
            Value::Errors => return add(labels, &|minute| i128::from(minute.errors), 1.0),
            Value::Sum(side) | Value::Measured(side) | Value::Buckets(side) => side,
        };
        let durations = |minute: &'a Minute| minute.durations(side);
        let mut all = self.minutes.iter().filter_map(|(_, minute)| *minute);
        if !all.any(|minute| durations(minute).count > 0) {
            return;
        }
        match metric.value {
            Value::Sum(_) => add(labels, &|minute| minute.durations(side).sum, 1e9),
            Value::Buckets(_) => {
                for place in 0..BUCKETS {
                    let labels = labels.with(BUCKET_LABEL, &bound(place));
                    add(labels, &|minute| minute.durations(side).up_to(place), 1.0);
                }
            }
            _ => add(labels, &|minute| i128::from(minute.durations(side).count), 1.0),
        }
    }

    /// Integers are added up, so that no order of minutes makes a difference.
    fn counter(&self, labels: Labels, value: &dyn Fn(&Minute) -> i128, unit: f64) -> Samples {
        let mut samples = Samples { labels, ..Samples::default() };
        let mut total = 0;
        let mut before = Totals::default();
        for (time, minute) in &self.minutes {
            total += minute.map_or(0, value);
            let now = total as f64 / unit;
            if *time < self.start {
                before.value = now;
                continue;
            }
            samples.times.push(*time);
            samples.values.push(now);
        }
        samples.deltas = Some(before);
        samples
    }
}

impl Minute {
    fn durations(&self, side: Side) -> &Durations {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

impl Durations {
    /// How many are in a bucket and those below.
    fn up_to(&self, place: usize) -> i128 {
        let counts = self.buckets.as_ref().map_or(&[][..], |buckets| &buckets[..=place]);
        counts.iter().map(|count| i128::from(*count)).sum()
    }
}
