//! Series-major values: samples as stored, and columns of one value per step as computed.

use super::histogram::{Histogram, ResetHint};
use super::labels::Labels;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// The NaN that says a series has gone. No computation makes it, so in columns it stands for "no value".
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE.to_bits()
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    Float(f64),
    Histogram(Arc<Histogram>),
}

/// The running totals of a series that was sent as deltas, before its first sample here.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    pub value: f64,
    /// `None` is an empty one.
    pub histogram: Option<Arc<Histogram>>,
}

/// Samples of one series by time, in Unix milliseconds. Floats and histograms apart, each ascending.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    pub labels: Labels,
    pub drop_name: bool,
    pub times: Vec<i64>,
    pub values: Vec<f64>,
    /// When each counter began; 0 is unknown. Empty when none is known.
    pub starts: Vec<i64>,
    pub histogram_times: Vec<i64>,
    pub histograms: Vec<Arc<Histogram>>,
    pub histogram_starts: Vec<i64>,
    /// There when the samples are running totals of deltas: what changed in a range is then known exactly.
    pub deltas: Option<Totals>,
}

impl Samples {
    pub fn len(&self) -> usize {
        self.times.len() + self.times_of_histograms()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn times_of_histograms(&self) -> usize {
        self.histogram_times.len()
    }

    /// Roughly the bytes the samples take in memory.
    pub fn size(&self) -> usize {
        let histograms: usize = self.histograms.iter().map(|histogram| histogram.size() + 8).sum();
        self.times.len() * 16 + self.starts.len() * 8 + histograms
    }

    /// Without the marks of a series that has gone, which ranges pass over.
    pub fn without_stale(&self) -> Cow<'_, Samples> {
        let stale_float = self.values.iter().any(|value| is_stale(*value));
        let stale_histogram = self.histograms.iter().any(|histogram| is_stale(histogram.sum));
        if !stale_float && !stale_histogram {
            return Cow::Borrowed(self);
        }
        let mut kept = Samples {
            labels: self.labels.clone(),
            drop_name: self.drop_name,
            deltas: self.deltas.clone(),
            ..Samples::default()
        };
        for (at, value) in self.values.iter().enumerate().filter(|(_, value)| !is_stale(**value)) {
            kept.times.push(self.times[at]);
            kept.values.push(*value);
            kept.starts.extend(self.starts.get(at));
        }
        for (at, histogram) in self.histograms.iter().enumerate() {
            if !is_stale(histogram.sum) {
                kept.histogram_times.push(self.histogram_times[at]);
                kept.histograms.push(histogram.clone());
                kept.histogram_starts.extend(self.histogram_starts.get(at));
            }
        }
        Cow::Owned(kept)
    }

    /// Says of every histogram whether it grew out of the one before, as far as that is not known: only the first of an
    /// unbroken run stays unknown.
    pub fn hint_resets(&mut self) {
        let mut previous: Option<(i64, Arc<Histogram>)> = None;
        for (time, histogram) in self.histogram_times.iter().zip(&mut self.histograms) {
            let before = previous.take();
            let hint = match &before {
                _ if histogram.hint == ResetHint::Gauge || histogram.hint == ResetHint::Reset => {
                    None
                }
                None => Some(ResetHint::Unknown),
                Some((earlier, _)) if has_float_between(&self.times, *earlier, *time) => {
                    Some(ResetHint::Unknown)
                }
                Some((_, last)) if last.hint == ResetHint::Gauge || is_stale(last.sum) => {
                    Some(ResetHint::Unknown)
                }
                Some((_, last)) if histogram.counts_fell(last) => Some(ResetHint::Reset),
                Some(_) => Some(ResetHint::NotReset),
            };
            if let Some(hint) = hint
                && hint != histogram.hint
                && !is_stale(histogram.sum)
            {
                Arc::make_mut(histogram).hint = hint;
            }
            previous = Some((*time, histogram.clone()));
        }
    }

    /// Floats and histograms by time.
    pub fn by_time(&self) -> impl Iterator<Item = (i64, Sample)> + '_ {
        let (mut float, mut histogram) = (0, 0);
        std::iter::from_fn(move || {
            let next_float = self.times.get(float).copied();
            let next_histogram = self.histogram_times.get(histogram).copied();
            match (next_float, next_histogram) {
                (Some(time), other) if other.is_none_or(|other| time <= other) => {
                    float += 1;
                    Some((time, Sample::Float(self.values[float - 1])))
                }
                (_, Some(time)) => {
                    histogram += 1;
                    Some((time, Sample::Histogram(self.histograms[histogram - 1].clone())))
                }
                _ => None,
            }
        })
    }
}

fn has_float_between(times: &[i64], from: i64, to: i64) -> bool {
    let at = times.partition_point(|time| *time <= from);
    times.get(at).is_some_and(|time| *time < to)
}

/// One value per step; [`STALE`] where there is none.
#[derive(Debug, Clone, Default)]
pub struct Column {
    pub labels: Labels,
    /// The name goes when the query is done.
    pub drop_name: bool,
    pub floats: Vec<f64>,
    /// There when any step has a histogram.
    pub histograms: Option<Vec<Option<Arc<Histogram>>>>,
}

impl Column {
    pub fn empty(labels: Labels, drop_name: bool, steps: usize) -> Column {
        Column { labels, drop_name, floats: vec![STALE; steps], histograms: None }
    }

    pub fn histogram(&self, step: usize) -> Option<&Arc<Histogram>> {
        self.histograms.as_ref().and_then(|list| list[step].as_ref())
    }

    pub fn float(&self, step: usize) -> Option<f64> {
        Some(self.floats[step]).filter(|value| !is_stale(*value))
    }

    pub fn sample(&self, step: usize) -> Option<Sample> {
        match self.histogram(step) {
            Some(histogram) => Some(Sample::Histogram(histogram.clone())),
            None => self.float(step).map(Sample::Float),
        }
    }

    pub fn has(&self, step: usize) -> bool {
        !is_stale(self.floats[step]) || self.histogram(step).is_some()
    }

    pub fn has_any(&self) -> bool {
        self.floats.iter().any(|value| !is_stale(*value))
            || self.histograms.as_ref().is_some_and(|list| list.iter().any(Option::is_some))
    }

    pub fn put(&mut self, step: usize, sample: Sample) {
        match sample {
            Sample::Float(value) => self.floats[step] = value,
            Sample::Histogram(histogram) => {
                let steps = self.floats.len();
                self.histograms.get_or_insert_with(|| vec![None; steps])[step] = Some(histogram);
            }
        }
    }

    pub fn clear(&mut self, step: usize) {
        self.floats[step] = STALE;
        if let Some(list) = &mut self.histograms {
            list[step] = None;
        }
    }

    /// Takes over the values of `other`; false where both have one.
    pub fn join(&mut self, other: &Column) -> bool {
        for step in 0..self.floats.len() {
            if let Some(sample) = other.sample(step) {
                if self.has(step) {
                    return false;
                }
                self.put(step, sample);
            }
        }
        true
    }

    /// Roughly the bytes the values take in memory.
    pub fn size(&self) -> usize {
        let pointers = self.histograms.as_ref().map_or(0, |list| list.len() * 8);
        self.floats.len() * 8 + pointers
    }
}

/// Columns by labels, in order of their first appearance.
#[derive(Debug, Default)]
pub struct Output {
    steps: usize,
    places: HashMap<Labels, usize>,
    columns: Vec<Column>,
}

/// Two series with the same labels have a value at the same step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate;

impl Output {
    pub fn new(steps: usize) -> Output {
        Output { steps, ..Output::default() }
    }

    fn column(&mut self, labels: &Labels, drop_name: bool) -> &mut Column {
        let at = match self.places.get(labels) {
            Some(at) => *at,
            None => {
                self.places.insert(labels.clone(), self.columns.len());
                self.columns.push(Column::empty(labels.clone(), drop_name, self.steps));
                self.columns.len() - 1
            }
        };
        &mut self.columns[at]
    }

    pub fn put(
        &mut self,
        labels: &Labels,
        drop_name: bool,
        step: usize,
        sample: Sample,
    ) -> Result<(), Duplicate> {
        let column = self.column(labels, drop_name);
        if column.has(step) {
            return Err(Duplicate);
        }
        column.put(step, sample);
        Ok(())
    }

    pub fn add(&mut self, column: Column) -> Result<(), Duplicate> {
        if let Some(at) = self.places.get(&column.labels) {
            return if self.columns[*at].join(&column) { Ok(()) } else { Err(Duplicate) };
        }
        self.places.insert(column.labels.clone(), self.columns.len());
        self.columns.push(column);
        Ok(())
    }

    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }
}
