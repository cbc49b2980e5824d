//! Functions of histograms, native and classic.

use super::super::annotation::Annotation;
use super::super::ast::{Call, Span};
use super::super::error::Failure;
use super::super::eval::{Evaluator, Grid};
use super::super::histogram::{
    ClassicBucket, Histogram, classic_fraction, classic_quantile, fraction, kahan_add, quantile,
};
use super::super::labels::{BUCKET_LABEL, Labels};
use super::super::parallel;
use super::super::series::{Column, Output, Sample};
use super::super::text::float_open_metrics;
use super::{arg, text, vector_arg};
use std::collections::HashMap;

/// Functions of single native histograms. Floats are left out.
pub fn simple(evaluator: &mut Evaluator, node: &Call, grid: Grid) -> Result<Vec<Column>, Failure> {
    let function: fn(&Histogram) -> f64 = match node.function.name {
        "histogram_count" => |histogram| histogram.count,
        "histogram_sum" => |histogram| histogram.sum,
        "histogram_avg" => |histogram| histogram.sum / histogram.count,
        "histogram_stdvar" => variance,
        "histogram_stddev" => |histogram| variance(histogram).sqrt(),
        name => return Err(Failure::Execution(format!("function {name:?} is not known"))),
    };
    let columns = evaluator.vector(arg(node, 0)?, grid)?;
    let mut out = Vec::new();
    for column in columns.iter().filter(|column| column.histograms.is_some()) {
        let mut values = Column::empty(column.labels.clone(), true, grid.count());
        for step in 0..grid.count() {
            if let Some(histogram) = column.histogram(step) {
                values.floats[step] = function(histogram);
            }
        }
        out.push(values);
    }
    out.retain(Column::has_any);
    evaluator.nameless(out)
}

/// Every value of a bucket is taken to lie at its middle.
fn variance(histogram: &Histogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let (mut sum, mut lost) = (0.0, 0.0);
    for bucket in histogram.buckets().filter(|bucket| bucket.count != 0.0) {
        let middle = if histogram.is_custom() {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            let middle = (bucket.upper * bucket.lower).sqrt();
            if bucket.upper < 0.0 { -middle } else { middle }
        };
        let delta = middle - mean;
        (sum, lost) = kahan_add(bucket.count * delta * delta, sum, lost);
    }
    (sum + lost) / histogram.count
}

/// What is asked of every histogram at one step.
enum Question {
    Quantile { q: f64, label: Option<(String, String)> },
    Fraction { lower: f64, upper: f64 },
}

/// `histogram_quantile`, `histogram_quantiles` and `histogram_fraction`.
pub fn over_buckets(
    evaluator: &mut Evaluator,
    node: &Call,
    grid: Grid,
) -> Result<Vec<Column>, Failure> {
    let Some(vector) = vector_arg(node) else {
        return Err(Failure::execution("expected an instant vector"));
    };
    let columns = evaluator.vector(vector, grid)?;
    let questions = questions(evaluator, node, grid)?;
    let classics = Classics::new(&columns);
    if let Some(asked) = plain_question(&questions)
        && columns.iter().all(|column| column.histograms.is_none())
    {
        return over_classics(evaluator, &columns, &classics, &asked, vector.span(), grid);
    }
    let mut output = Output::new(grid.count());
    for (step, questions) in questions.iter().enumerate() {
        evaluator.check_time()?;
        let found = classics.at(evaluator, &columns, step, vector.span());
        for question in questions {
            for at in &found.natives {
                let column = &columns[*at];
                let Some(histogram) = column.histogram(step) else { continue };
                let value = native(evaluator, question, histogram, &column.labels, vector.span());
                put(evaluator, &mut output, question, &column.labels, step, value)?;
            }
            for (labels, buckets) in &found.classics {
                let value =
                    classic(evaluator, question, buckets, labels, vector.span(), grid.time(step));
                put(evaluator, &mut output, question, labels, step, value)?;
            }
        }
    }
    Ok(output.into_columns())
}

/// What is asked at each step, if it is one thing and says nothing of labels.
fn plain_question(questions: &[Vec<Question>]) -> Option<Vec<&Question>> {
    let plain = |questions: &'_ Vec<Question>| match questions.as_slice() {
        [Question::Quantile { label: Some(_), .. }] => false,
        [_] => true,
        _ => false,
    };
    questions.iter().all(plain).then(|| questions.iter().flatten().collect())
}

/// Classic histograms alone: one after the other, over all steps.
fn over_classics(
    evaluator: &mut Evaluator,
    columns: &[Column],
    classics: &Classics,
    asked: &[&Question],
    span: Span,
    grid: Grid,
) -> Result<Vec<Column>, Failure> {
    let mut members: Vec<Vec<(f64, &Column)>> = vec![Vec::new(); classics.labels.len()];
    for (column, (place, bound)) in columns.iter().zip(&classics.members) {
        match bound {
            Some(upper) => members[*place].push((*upper, column)),
            None if column.has_any() => evaluator.note_bad_bucket(&column.labels, span),
            None => {}
        }
    }
    let threads = evaluator.threads(columns.len().saturating_mul(grid.count()));
    let histograms = classics.labels.iter().zip(members).collect();
    let done = parallel::map(threads, histograms, |(labels, mut members): (&Labels, Vec<_>)| {
        evaluator.check_time()?;
        members.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let mut annotations = Vec::new();
        let labels =
            if evaluator.delayed_names { labels.clone() } else { labels.without_metadata() };
        let mut out = Column::empty(labels, true, grid.count());
        let mut buckets = Vec::with_capacity(members.len());
        for (step, question) in asked.iter().enumerate() {
            buckets.clear();
            buckets.extend(members.iter().filter_map(|(upper, column)| {
                Some(ClassicBucket { upper: *upper, count: column.float(step)? })
            }));
            if buckets.is_empty() {
                continue;
            }
            let (value, raised) = ask_classic(question, &mut buckets);
            out.floats[step] = value;
            annotations.extend(raised.map(|raised| (raised, grid.time(step))));
        }
        Ok::<_, Failure>((out, annotations))
    });
    let mut output = Output::new(grid.count());
    for done in done {
        let (column, annotations) = done?;
        for (raised, time) in annotations {
            let metric = column.labels.metric_name().to_owned();
            evaluator.note(Annotation::ForcedMonotonicity { metric, raised, time }, span);
        }
        if column.has_any() {
            output.add(column)?;
        }
    }
    Ok(output.into_columns())
}

fn ask_classic(
    question: &Question,
    buckets: &mut Vec<ClassicBucket>,
) -> (f64, Option<super::super::annotation::Raised>) {
    match question {
        Question::Fraction { lower, upper } => (classic_fraction(*lower, *upper, buckets), None),
        Question::Quantile { q, .. } => classic_quantile(*q, buckets),
    }
}

fn questions(
    evaluator: &mut Evaluator,
    node: &Call,
    grid: Grid,
) -> Result<Vec<Vec<Question>>, Failure> {
    let mut all: Vec<Vec<Question>> = (0..grid.count()).map(|_| Vec::new()).collect();
    if node.function.name == "histogram_fraction" {
        let lower = evaluator.scalar(arg(node, 0)?, grid)?;
        let upper = evaluator.scalar(arg(node, 1)?, grid)?;
        for (step, questions) in all.iter_mut().enumerate() {
            questions.push(Question::Fraction { lower: lower[step], upper: upper[step] });
        }
        return Ok(all);
    }
    let (label, from, to) = match node.function.name {
        "histogram_quantiles" => (Some(text(node, 1)?.to_owned()), 2, node.args.len()),
        _ => (None, 0, 1),
    };
    if label.as_deref() == Some("") {
        return Err(Failure::execution("invalid label name \"\" in histogram_quantiles()"));
    }
    for index in from..to {
        let span = arg(node, index)?.span();
        let quantiles = evaluator.scalar(arg(node, index)?, grid)?;
        for (q, questions) in quantiles.into_iter().zip(&mut all) {
            if !(0.0..=1.0).contains(&q) {
                evaluator.note(Annotation::InvalidQuantile(q), span);
            }
            let label = label.clone().map(|label| (label, float_open_metrics(q)));
            questions.push(Question::Quantile { q, label });
        }
    }
    Ok(all)
}

fn put(
    evaluator: &Evaluator,
    output: &mut Output,
    question: &Question,
    labels: &Labels,
    step: usize,
    value: f64,
) -> Result<(), Failure> {
    let mut labels = labels.clone();
    if !evaluator.delayed_names {
        labels = labels.without_metadata();
    }
    if let Question::Quantile { label: Some((name, quantile)), .. } = question {
        labels = labels.with(name, quantile);
    }
    Ok(output.put(&labels, true, step, Sample::Float(value))?)
}

fn native(
    evaluator: &mut Evaluator,
    question: &Question,
    histogram: &Histogram,
    labels: &Labels,
    span: Span,
) -> f64 {
    let metric = || labels.metric_name().to_owned();
    match question {
        Question::Quantile { q, .. } => {
            let found = quantile(*q, histogram);
            if found.is_nan {
                evaluator.note(Annotation::QuantileNan { metric: metric() }, span);
            }
            if found.is_skewed {
                evaluator.note(Annotation::QuantileSkewed { metric: metric() }, span);
            }
            found.value
        }
        Question::Fraction { lower, upper } => {
            let (value, has_nan) = fraction(*lower, *upper, histogram);
            if has_nan {
                evaluator.note(Annotation::FractionNan { metric: metric() }, span);
            }
            value
        }
    }
}

fn classic(
    evaluator: &mut Evaluator,
    question: &Question,
    buckets: &[ClassicBucket],
    labels: &Labels,
    span: Span,
    time: i64,
) -> f64 {
    let (value, raised) = ask_classic(question, &mut buckets.to_vec());
    if let Some(raised) = raised {
        let metric = labels.metric_name().to_owned();
        evaluator.note(Annotation::ForcedMonotonicity { metric, raised, time }, span);
    }
    value
}

impl Evaluator {
    fn note_bad_bucket(&mut self, labels: &Labels, span: Span) {
        let label = labels.value(BUCKET_LABEL).to_owned();
        // Names are there only as long as they are not dropped at once.
        let metric =
            if self.delayed_names { labels.metric_name().to_owned() } else { String::new() };
        self.note(Annotation::BadBucketLabel { metric, label }, span);
    }
}

/// The bucket series of classic histograms, by the labels of the histogram.
struct Classics {
    /// Without the bucket's bound.
    labels: Vec<Labels>,
    /// Per series: its histogram, and its bound if it has a good one.
    members: Vec<(usize, Option<f64>)>,
    places: HashMap<Labels, usize>,
}

/// The histograms there are at a step.
struct FoundHistograms {
    natives: Vec<usize>,
    classics: Vec<(Labels, Vec<ClassicBucket>)>,
}

impl Classics {
    fn new(columns: &[Column]) -> Classics {
        let mut classics =
            Classics { labels: Vec::new(), members: Vec::new(), places: HashMap::new() };
        for column in columns {
            let labels = column.labels.without(&[BUCKET_LABEL]);
            let next = classics.labels.len();
            let place = *classics.places.entry(labels.clone()).or_insert(next);
            if place == next {
                classics.labels.push(labels);
            }
            let bound = super::super::text::parse_number(column.labels.value(BUCKET_LABEL));
            classics.members.push((place, bound));
        }
        classics
    }

    fn at(
        &self,
        evaluator: &mut Evaluator,
        columns: &[Column],
        step: usize,
        span: Span,
    ) -> FoundHistograms {
        let mut buckets: Vec<Vec<ClassicBucket>> = vec![Vec::new(); self.labels.len()];
        let mut natives = Vec::new();
        // Names are there only as long as they are not dropped at once.
        let named = evaluator.delayed_names;
        let metric = |labels: &Labels| {
            if named { labels.metric_name().to_owned() } else { String::new() }
        };
        for (at, column) in columns.iter().enumerate() {
            if column.histogram(step).is_some() {
                natives.push(at);
                continue;
            }
            let Some(count) = column.float(step) else { continue };
            let (place, bound) = self.members[at];
            match bound {
                Some(upper) => buckets[place].push(ClassicBucket { upper, count }),
                None => evaluator.note_bad_bucket(&column.labels, span),
            }
        }
        // A native and a classic histogram of the same name and labels say the same twice: neither is answered.
        natives.retain(|at| {
            let labels = &columns[*at].labels;
            let Some(place) = self.places.get(labels).filter(|place| !buckets[**place].is_empty())
            else {
                return true;
            };
            buckets[*place].clear();
            let metric = metric(labels);
            evaluator.note(Annotation::MixedClassicNative { metric }, span);
            false
        });
        let classics = self.labels.iter().zip(buckets).filter(|(_, buckets)| !buckets.is_empty());
        let classics = classics.map(|(labels, buckets)| (labels.clone(), buckets));
        FoundHistograms { natives, classics: classics.collect() }
    }
}
