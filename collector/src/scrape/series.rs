//! From one answer to the samples that are written: labels merged and relabelled, limits kept, ends of series noticed.

use super::config::JobConfig;
use super::exposition::{self, Item, TextFormat};
use super::labels::Labels;
use super::message::{Description, Exemplar, Message, Sample};
use super::relabel::{self, Rule};
use crate::remote_write::{MetricType, STALE_BITS};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What reading an answer needs to know of its job and target.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    pub job: &'a JobConfig,
    pub metric_rules: &'a [Rule],
    /// Labels of the target.
    pub target: &'a Labels,
}

/// What a scrape leaves for the next one to compare with.
#[derive(Debug, Default)]
pub struct Known {
    /// Series whose end would be marked.
    pub series: HashSet<Labels>,
    /// Hashes of the exemplars shown: targets show one until there is a newer one, and it is to be stored once.
    pub exemplars: HashMap<Labels, u64>,
}

/// What came of one scrape.
#[derive(Debug)]
pub struct Scraped {
    pub message: Message,
    pub known: Known,
    pub counts: Counts,
    /// What the target says of its metrics.
    pub descriptions: Descriptions,
}

/// How much a scrape brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub samples: u64,
    /// Those left by relabelling, of whatever became of them then.
    pub kept: u64,
    pub added: u64,
}

/// A scrape of which nothing is kept, and what it had until then.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Failure {
    pub error: String,
    pub counts: Counts,
}

impl From<String> for Failure {
    fn from(error: String) -> Failure {
        Failure { error, counts: Counts::default() }
    }
}

/// By metric.
pub type Descriptions = BTreeMap<String, Description>;

/// Endings by which samples of one metric are told apart from its name.
const SUFFIXES: &[&str] =
    &["_total", "_created", "_bucket", "_count", "_sum", "_info", "_gcount", "_gsum"];

/// Reads an answer of time `now` (Unix milliseconds). Series of `before` that are not in it get a stale marker. The error is
/// what the target is told to have done wrong; nothing of its answer is kept then, though it is counted.
pub fn read(
    rules: Rules<'_>,
    format: TextFormat,
    text: &str,
    now: i64,
    before: &Known,
) -> Result<Scraped, Failure> {
    let created = created(format, text);
    let mut reader = Reader {
        rules,
        now,
        before,
        created,
        stored: 0,
        scraped: Scraped {
            message: Message::new(),
            known: Known::default(),
            counts: Counts::default(),
            descriptions: Descriptions::new(),
        },
        fault: None,
        is_over: false,
    };
    let parsed = exposition::parse(format, text, &mut |item| reader.take(item));
    let Reader { mut scraped, fault, .. } = reader;
    let fault = fault.or(parsed.err().map(|error| error.to_string()));
    if let Some(error) = fault {
        return Err(Failure { error, counts: scraped.counts });
    }
    for labels in before.series.difference(&scraped.known.series) {
        scraped.message.push(&stale(labels, now));
    }
    Ok(scraped)
}

/// The end of a series.
pub fn stale(labels: &Labels, now: i64) -> Sample<'_> {
    plain(labels, f64::from_bits(STALE_BITS), now)
}

/// A sample of which nothing else is known.
pub fn plain(labels: &Labels, value: f64, time: i64) -> Sample<'_> {
    Sample { labels, value, time, start: None, description: None, exemplar: None }
}

/// What makes an exemplar the one that was shown before. Its time counts where it says one.
fn exemplar_hash(exemplar: &exposition::Exemplar<'_>, labels: &Labels) -> u64 {
    let mut hasher = DefaultHasher::new();
    (labels, exemplar.value.to_bits(), exemplar.time).hash(&mut hasher);
    hasher.finish()
}

type CreatedKey = (String, Vec<(String, String)>);

struct Reader<'a> {
    rules: Rules<'a>,
    now: i64,
    before: &'a Known,
    /// When counters began, by metric and labels.
    created: HashMap<CreatedKey, i64>,
    scraped: Scraped,
    /// Samples that count towards the limit.
    stored: u64,
    fault: Option<String>,
    /// Too many came: those that follow are only counted.
    is_over: bool,
}

impl Reader<'_> {
    fn take(&mut self, item: Item<'_>) {
        match item {
            Item::Type { name, kind } => self.description(&name).kind = kind,
            Item::Help { name, text } => self.description(&name).help = text.into_owned(),
            Item::Unit { name, unit } => self.description(&name).unit = unit.to_owned(),
            Item::Sample(sample) if self.fault.is_none() || self.is_over => {
                if let Err(fault) = self.sample(&sample) {
                    self.fault = Some(fault);
                }
            }
            Item::Sample(_) => {}
        }
    }

    fn description(&mut self, name: &str) -> &mut Description {
        self.scraped.descriptions.entry(name.to_owned()).or_default()
    }

    fn sample(&mut self, sample: &exposition::Sample<'_>) -> Result<(), String> {
        let job = self.rules.job;
        self.scraped.counts.samples += 1;
        let mut labels = merge(self.rules, sample);
        if !relabel::apply(self.rules.metric_rules, &mut labels) || !labels.has("__name__") {
            return Ok(());
        }
        check_limits(job, &labels)?;
        let sent_time = sample.time.filter(|_| job.honor_timestamps);
        let time = sent_time.unwrap_or(self.now);
        let is_tracked = sent_time.is_none() || job.track_timestamps_staleness;
        self.scraped.counts.kept += 1;
        if self.is_over || (is_tracked && self.scraped.known.series.contains(&labels)) {
            // The same series twice at one time: the first counts.
            return Ok(());
        }
        self.stored += 1;
        if job.sample_limit > 0 && self.stored > job.sample_limit {
            self.is_over = true;
            return Err(format!("sample limit of {} exceeded", job.sample_limit));
        }
        let exemplar_labels: Option<Labels> = sample.exemplar.as_ref().map(|exemplar| {
            exemplar.labels.iter().map(|(name, value)| (name, value.as_ref())).collect()
        });
        let mut exemplar = sample.exemplar.as_ref().zip(exemplar_labels.as_ref());
        if let Some((shown, of)) = exemplar {
            let hash = exemplar_hash(shown, of);
            exemplar = exemplar.filter(|_| self.before.exemplars.get(&labels) != Some(&hash));
            self.scraped.known.exemplars.insert(labels.clone(), hash);
        }
        let exemplar = exemplar.map(|(exemplar, labels)| Exemplar {
            labels,
            value: exemplar.value,
            time: exemplar.time.unwrap_or(time),
        });
        self.scraped.message.push(&Sample {
            labels: &labels,
            value: sample.value,
            time,
            start: self.start(sample),
            description: describe(&self.scraped.descriptions, &sample.name),
            exemplar,
        });
        if is_tracked {
            self.scraped.counts.added += u64::from(!self.before.series.contains(&labels));
            self.scraped.known.series.insert(labels);
        }
        Ok(())
    }

    fn start(&self, sample: &exposition::Sample<'_>) -> Option<i64> {
        if self.created.is_empty() {
            return None;
        }
        let family = SUFFIXES.iter().find_map(|suffix| sample.name.strip_suffix(suffix));
        self.created.get(&created_key(family.unwrap_or(&sample.name), sample)).copied()
    }
}

/// The labels of a sample and of its target. Where both have one, the job says whose wins; the target's own may move the
/// sample's aside.
fn merge(rules: Rules<'_>, sample: &exposition::Sample<'_>) -> Labels {
    let sent = sample.labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
    let mut labels: Labels = sent.collect();
    labels.set("__name__", sample.name.as_ref());
    if rules.job.honor_labels {
        // An empty label that was sent takes the target's away.
        let is_sent = |name: &str| sample.labels.iter().any(|(sent, _)| sent == name);
        for (name, value) in rules.target.iter().filter(|(name, _)| !is_sent(name)) {
            labels.set(name, value);
        }
        return labels;
    }
    for (name, value) in rules.target.iter() {
        let sent = labels.value(name).to_owned();
        if !sent.is_empty() {
            let mut moved = format!("exported_{name}");
            while labels.has(&moved) || rules.target.has(&moved) {
                moved = format!("exported_{moved}");
            }
            labels.set(&moved, sent);
        }
        labels.set(name, value);
    }
    labels
}

fn check_limits(job: &JobConfig, labels: &Labels) -> Result<(), String> {
    let name = labels.value("__name__");
    if job.label_limit > 0 && labels.len() > job.label_limit {
        return Err(format!("{name} has more than {} labels", job.label_limit));
    }
    let over = |limit: usize, length: usize| limit > 0 && length > limit;
    for (label, value) in labels.iter() {
        if over(job.label_name_length_limit, label.len()) {
            return Err(format!("{name}: the name of label '{label}' is too long"));
        }
        if over(job.label_value_length_limit, value.len()) {
            return Err(format!("{name}: the value of label '{label}' is too long"));
        }
    }
    Ok(())
}

/// What was said of a sample's metric, under its own name or without the ending.
fn describe<'d>(descriptions: &'d Descriptions, name: &str) -> Option<&'d Description> {
    descriptions.get(name).or_else(|| {
        let families = SUFFIXES.iter().filter_map(|suffix| name.strip_suffix(suffix));
        families.filter_map(|family| descriptions.get(family)).next()
    })
}

/// When counters, histograms and summaries began: OpenMetrics says it in samples of their own.
fn created(format: TextFormat, text: &str) -> HashMap<CreatedKey, i64> {
    let mut created = HashMap::new();
    if format != TextFormat::OpenMetrics || !text.contains("_created") {
        return created;
    }
    let mut kinds: HashMap<String, MetricType> = HashMap::new();
    let mut take = |item: Item<'_>| match item {
        Item::Type { name, kind } => drop(kinds.insert(name.into_owned(), kind)),
        Item::Sample(sample) => {
            use MetricType::{Counter, Histogram, Summary};
            let Some(family) = sample.name.strip_suffix("_created") else { return };
            let has_start = matches!(kinds.get(family), Some(Counter | Histogram | Summary));
            let millis = (sample.value * 1000.0).round();
            if has_start && millis > 0.0 && millis < 9e15 {
                created.insert(created_key(family, &sample), millis as i64);
            }
        }
        _ => {}
    };
    // What is wrong with the text is said when it is read for its samples.
    let _ = exposition::parse(format, text, &mut take);
    created
}

/// Buckets and quantiles of one metric began together.
fn created_key(family: &str, sample: &exposition::Sample<'_>) -> CreatedKey {
    let labels = sample.labels.iter().filter(|(name, _)| name != "le" && name != "quantile");
    let mut labels: Vec<(String, String)> =
        labels.map(|(name, value)| (name.to_string(), value.to_string())).collect();
    labels.sort_unstable();
    (family.to_owned(), labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote_write::decode_v2;
    use crate::remote_write::tests::rows;
    use binnacle_storage::model::{Table, Timestamp};

    fn job(json: &str) -> JobConfig {
        serde_json::from_str(json).unwrap()
    }

    fn scrape(job: &JobConfig, text: &str, before: &Known) -> Result<Scraped, Failure> {
        let target: Labels = [("instance", "i"), ("job", "j")].into_iter().collect();
        let rules = relabel::compile(&job.metric_relabel_configs).unwrap();
        let rules = Rules { job, metric_rules: &rules, target: &target };
        let format = if text.ends_with("# EOF\n") {
            TextFormat::OpenMetrics
        } else {
            TextFormat::Prometheus
        };
        read(rules, format, text, 5000, before)
    }

    fn points(scraped: Scraped, table: Table, names: &[&str]) -> Vec<String> {
        let decoded = decode_v2(&scraped.message.finish(), Timestamp(1)).unwrap();
        assert_eq!(decoded.rejected.count, 0, "{:?}", decoded.rejected);
        rows(&decoded.batch, table, names)
    }

    #[test]
    fn labels_of_target_and_sample_are_merged_as_the_job_says() {
        let text = "up{job=\"own\",instance=\"\",exported_job=\"x\"} 1\n";
        let cases = [
            (r#"{}"#, "up exported_exported_job=own exported_job=x instance=i job=j"),
            (r#"{"honor_labels": true}"#, "up exported_job=x job=own"),
        ];
        for (json, expected) in cases {
            let scraped = scrape(&job(json), text, &Known::default()).unwrap();
            assert_eq!(points(scraped, Table::Series, &["name"]), [expected]);
        }
    }

    #[test]
    fn series_that_are_gone_end() {
        let job = job("{}");
        let first = scrape(&job, "a 1\nb 2\nc 3 4000\n", &Known::default()).unwrap();
        assert_eq!(
            (first.counts, first.known.series.len()),
            (Counts { samples: 3, kept: 3, added: 2 }, 2)
        );
        let second = scrape(&job, "b 3\nd 4\nd 5\n", &first.known).unwrap();
        // One sample occurs twice.
        assert_eq!(second.counts, Counts { samples: 3, kept: 3, added: 1 });
        let mut ends = points(second, Table::MetricPoints, &["time", "flags", "value"]);
        ends.sort();
        assert_eq!(ends, ["5000000000 - 3", "5000000000 - 4", "5000000000 1 -"]);
    }

    #[test]
    fn rules_and_limits_hold_after_relabelling() {
        let drop = r#"{"metric_relabel_configs": [{"source_labels": ["__name__"], "regex": "go_.*", "action": "drop"}], "sample_limit": 1}"#;
        let scraped = scrape(&job(drop), "go_a 1\ngo_b 1\nc 1\n", &Known::default()).unwrap();
        assert_eq!((scraped.counts.samples, scraped.counts.kept), (3, 1));
        for (json, text) in [
            (r#"{"sample_limit": 1}"#, "a 1\nb 1\n"),
            (r#"{"label_limit": 3}"#, "a{b=\"c\"} 1\n"),
            (r#"{"label_name_length_limit": 9}"#, "a{long_label_name=\"c\"} 1\n"),
            (r#"{"label_value_length_limit": 3}"#, "a{b=\"four\"} 1\n"),
            ("{}", "a 1\nb\n"),
        ] {
            assert!(scrape(&job(json), text, &Known::default()).is_err(), "{json}");
        }
    }

    #[test]
    fn failed_scrapes_are_counted_as_far_as_they_were_read() {
        let limit = r#"{"sample_limit": 2, "metric_relabel_configs": [{"source_labels": ["__name__"], "regex": "d", "action": "drop"}]}"#;
        for (json, text, samples, kept, added, said) in [
            (limit, "a 1\nb 1\nb 1\nc 1\nd 1\ne 1\n", 6, 5, 2, "sample limit of 2 exceeded"),
            ("{}", "a 1\nb 1\nwhat is this\nc 1\n", 2, 2, 2, "line 3"),
            (r#"{"label_limit": 3}"#, "a 1\nb{c=\"d\"} 1\ne 1\n", 2, 1, 1, "more than 3 labels"),
        ] {
            let failure = scrape(&job(json), text, &Known::default()).unwrap_err();
            assert_eq!(failure.counts, Counts { samples, kept, added }, "{text}");
            assert!(failure.error.contains(said), "{failure:?}");
        }
        let target = Labels::default();
        let job = job("{}");
        let rules = Rules { job: &job, metric_rules: &[], target: &target };
        let known = Known::default();
        let cut = read(rules, TextFormat::OpenMetrics, "# TYPE a gauge\na 1\n", 1, &known);
        let failure = cut.unwrap_err();
        assert_eq!(failure.counts.samples, 1);
        assert_eq!(failure.error, "line 2: # EOF is missing at the end");
    }

    #[test]
    fn descriptions_starts_and_exemplars_are_kept() {
        let text = "# TYPE sent counter\n# HELP sent Bytes.\n# UNIT sent bytes\n\
            sent_total{a=\"b\"} 1 # {trace_id=\"5b8aa5a2d2c872e8321cf37308d69df2\"} 2\n\
            sent_created{a=\"b\"} 1.5\n# EOF\n";
        let scrape = || scrape(&job("{}"), text, &Known::default()).unwrap();
        let series = points(scrape(), Table::Series, &["name", "type", "unit", "description"]);
        assert_eq!(series[0], "sent_total sum bytes Bytes. a=b instance=i job=j");
        let times = points(scrape(), Table::MetricPoints, &["time", "start_time", "value"]);
        assert_eq!(times[0], "5000000000 1500000000 1");
        let exemplars = points(scrape(), Table::Exemplars, &["time", "trace_id", "value"]);
        assert_eq!(exemplars, ["5000000000 5b8aa5a2d2c872e8321cf37308d69df2 2"]);
    }

    #[test]
    fn an_exemplar_is_stored_once_however_often_it_is_shown() {
        let text = |exemplar: &str| format!("a_total 1 # {{trace_id=\"{exemplar}\"}} 2\n# EOF\n");
        let job = job("{}");
        let mut known = Known::default();
        for (exemplar, stored) in [("x", 1), ("x", 0), ("y", 1), ("x", 1)] {
            let mut scraped = scrape(&job, &text(exemplar), &known).unwrap();
            known = std::mem::take(&mut scraped.known);
            let exemplars = points(scraped, Table::Exemplars, &["value"]);
            assert_eq!(exemplars.len(), stored, "{exemplars:?}");
        }
    }
}
