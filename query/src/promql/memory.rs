//! Series in memory, for tests of rules and of the language itself.

use super::describe::Point;
use super::labels::{Labels, all_match};
use super::series::{Sample, Samples};
use super::{Select, SeriesSource};
use crate::Error;
use async_trait::async_trait;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// By Unix milliseconds.
type Points = BTreeMap<i64, Sample>;

/// Series by their labels. Writing needs no exclusive access, so that rules can write while they are queried.
#[derive(Debug, Default)]
pub struct Memory {
    series: RwLock<BTreeMap<Labels, Points>>,
}

impl Memory {
    pub fn put(&self, labels: &Labels, time: i64, point: Point) {
        match point {
            Point::Nothing => {}
            Point::Float(value) => self.insert(labels, time, Sample::Float(value)),
            Point::Histogram(histogram) => {
                self.insert(labels, time, Sample::Histogram(Arc::new(*histogram)));
            }
        }
    }

    pub fn insert(&self, labels: &Labels, time: i64, sample: Sample) {
        let mut series = self.series.write();
        match series.get_mut(labels) {
            Some(points) => drop(points.insert(time, sample)),
            None => drop(series.insert(labels.clone(), Points::from([(time, sample)]))),
        }
    }
}

#[async_trait]
impl SeriesSource for Memory {
    async fn select(&self, select: &Select) -> Result<Vec<Samples>, Error> {
        let series = self.series.read();
        let found = series.iter().filter(|(labels, _)| all_match(&select.matchers, labels));
        let found = found.map(|(labels, points)| samples(labels, points, select));
        Ok(found.filter(|samples| !samples.is_empty()).collect())
    }
}

fn samples(labels: &Labels, points: &Points, select: &Select) -> Samples {
    if select.end < select.start {
        return Samples::default();
    }
    let mut samples = Samples { labels: labels.clone(), ..Samples::default() };
    let within = (Bound::Included(select.start), Bound::Included(select.end));
    let mut put = |(time, sample): (&i64, &Sample)| match sample {
        Sample::Float(value) => {
            samples.times.push(*time);
            samples.values.push(*value);
        }
        Sample::Histogram(histogram) => {
            samples.histogram_times.push(*time);
            samples.histograms.push(histogram.clone());
        }
    };
    let has_histograms = points.values().any(|sample| matches!(sample, Sample::Histogram(_)));
    if !has_histograms {
        points.range(within).for_each(put);
        return samples;
    }
    // What is known of a reset comes from the sample before, which may lie before the range.
    points.iter().for_each(&mut put);
    samples.hint_resets();
    cut(samples, select.start, select.end)
}

fn cut(samples: Samples, start: i64, end: i64) -> Samples {
    let part = |times: &[i64]| {
        times.partition_point(|time| *time < start)..times.partition_point(|time| *time <= end)
    };
    let (floats, histograms) = (part(&samples.times), part(&samples.histogram_times));
    Samples {
        times: samples.times[floats.clone()].to_vec(),
        values: samples.values[floats].to_vec(),
        histogram_times: samples.histogram_times[histograms.clone()].to_vec(),
        histograms: samples.histograms[histograms].to_vec(),
        ..samples
    }
}
