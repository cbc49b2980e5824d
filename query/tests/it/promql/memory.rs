//! Series in memory.

use super::load::{Points, load_series};
use super::script::Load;
use super::values::Point;
use async_trait::async_trait;
use binnacle_query::promql::labels::{Labels, all_match};
use binnacle_query::promql::series::Samples;
use binnacle_query::promql::{Select, SeriesSource};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Default)]
pub struct Memory {
    series: BTreeMap<Labels, Points>,
}

impl Memory {
    pub fn load(&mut self, load: &Load) {
        for (labels, points) in load_series(load) {
            self.series.entry(labels).or_default().extend(points);
        }
    }
}

#[async_trait]
impl SeriesSource for Memory {
    async fn select(&self, select: &Select) -> Result<Vec<Samples>, binnacle_query::Error> {
        let mut list = Vec::new();
        for (labels, points) in &self.series {
            if !all_match(&select.matchers, labels) {
                continue;
            }
            let mut samples = Samples { labels: labels.clone(), ..Samples::default() };
            for (time, point) in points {
                match point {
                    Point::Nothing => {}
                    Point::Float(value) => {
                        samples.times.push(*time);
                        samples.values.push(*value);
                    }
                    Point::Histogram(histogram) => {
                        samples.histogram_times.push(*time);
                        samples.histograms.push(Arc::new(histogram.as_ref().clone()));
                    }
                }
            }
            samples.hint_resets();
            list.push(cut(samples, select.start, select.end));
        }
        list.retain(|samples| !samples.is_empty());
        Ok(list)
    }
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
