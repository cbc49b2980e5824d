//! Makes a deterministic corpus of remote-write requests, as frames that `replay` sends.
//!
//! samples --out FILE --corpus day|month [--hours N] [--end UNIX_S]
//!
//! `day`: 1,500 series of 20 targets every 15 s for 24 h: request counters by job, instance, route and code (600), a classic
//! histogram of durations (60 of 12 buckets, sum and count), gauges (60). `month`: 100 counters every minute for 30 days.
//! A request is one scrape of everything, or so many that it has 2,000 samples, in remote write 1.0 and snappy, as Prometheus
//! sends them. Every target is scraped at an offset of its own. Prints the corpus's description as JSON.

use serde_json::json;
use std::io::Write;

const BOUNDS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const JOBS: [&str; 5] = ["api", "cart", "checkout", "frontend", "search"];
const ROUTES: [&str; 10] = [
    "/", "/cart", "/cart/items", "/checkout", "/login", "/orders", "/orders/:id", "/products", "/products/:id", "/search",
];
const INSTANCES: usize = 4;
/// As many as Prometheus sends at once.
const REQUEST_SAMPLES_MAX: u32 = 2000;

/// SplitMix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number around `mean`, spread about as a count of independent events is.
    fn count(&mut self, mean: f64) -> u64 {
        let normal = (0..6).map(|_| self.unit()).sum::<f64>() - 3.0;
        (mean + normal * (2.0 * mean).sqrt() + self.unit()).max(0.0) as u64
    }
}

struct Series {
    /// `TimeSeries.labels`, encoded.
    labels: Vec<u8>,
    value: f64,
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

impl Series {
    fn new(name: &str, labels: &[(&str, &str)]) -> Series {
        let mut sorted = vec![("__name__", name)];
        sorted.extend_from_slice(labels);
        sorted.sort_unstable();
        let mut encoded = Vec::new();
        for (name, value) in sorted {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut encoded, 1, &label);
        }
        Series { labels: encoded, value: 0.0 }
    }

    fn write(&self, time: i64, request: &mut Vec<u8>, scratch: &mut Vec<u8>) {
        let mut sample = [0u8; 20];
        sample[0] = 1 << 3 | 1;
        sample[1..9].copy_from_slice(&self.value.to_le_bytes());
        let mut stamp = vec![2 << 3];
        varint(&mut stamp, time as u64);
        let length = 9 + stamp.len();
        sample[9..length].copy_from_slice(&stamp);
        scratch.clear();
        scratch.extend_from_slice(&self.labels);
        field(scratch, 2, &sample[..length]);
        field(request, 1, scratch);
    }
}

struct Histogram {
    buckets: Vec<Series>,
    sum: Series,
    count: Series,
    /// Requests per scrape interval, and the middle of their durations in seconds.
    mean: f64,
    middle: f64,
}

/// What is scraped at once.
struct Target {
    offset: i64,
    counters: Vec<(Series, f64)>,
    histograms: Vec<Histogram>,
    gauges: Vec<Series>,
}

/// More by day than by night.
fn load(time: i64) -> f64 {
    let hour = (time % 86_400_000) as f64 / 3_600_000.0;
    1.0 - 0.6 * (hour / 24.0 * std::f64::consts::TAU).cos()
}

impl Target {
    fn of_day(index: usize, random: &mut Random) -> Target {
        let instance = format!("10.0.{}.{}:9100", index / INSTANCES, index % INSTANCES);
        let identity = [("job", JOBS[index / INSTANCES]), ("instance", instance.as_str())];
        let with = |more: &[(&'static str, &str)]| {
            identity.iter().copied().chain(more.iter().map(|(n, v)| (*n, *v))).map(|(n, v)| (n.to_owned(), v.to_owned())).collect::<Vec<_>>()
        };
        let series = |name: &str, more: &[(&'static str, &str)]| {
            let labels = with(more);
            let labels: Vec<(&str, &str)> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            Series::new(name, &labels)
        };
        let mut target = Target { offset: (random.next() % 15_000) as i64, counters: vec![], histograms: vec![], gauges: vec![] };
        for route in ROUTES {
            let mean = 5.0 + 300.0 * random.unit() * random.unit();
            for (code, share) in [("200", 1.0), ("404", 0.02), ("500", 0.005)] {
                target.counters.push((series("requests_total", &[("route", route), ("code", code)]), mean * share));
            }
        }
        for at in 0..3 {
            let route = ROUTES[(index * 3 + at) % ROUTES.len()];
            let name = |part: &str| format!("request_duration_seconds_{part}");
            let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
            target.histograms.push(Histogram {
                buckets: bounds.map(|le| series(&name("bucket"), &[("route", route), ("le", &le)])).collect(),
                sum: series(&name("sum"), &[("route", route)]),
                count: series(&name("count"), &[("route", route)]),
                mean: 5.0 + 100.0 * random.unit(),
                middle: 0.02 + 0.2 * random.unit(),
            });
        }
        for name in ["process_resident_memory_bytes", "process_open_fds", "process_load_ratio"] {
            target.gauges.push(series(name, &[]));
        }
        target
    }

    fn of_month(index: usize, random: &mut Random) -> Target {
        let instance = format!("10.1.0.{index}:9100");
        let mean = 5.0 + 300.0 * random.unit();
        let labels = [("job", JOBS[index % JOBS.len()]), ("instance", instance.as_str())];
        let counter = (Series::new("records_total", &labels), mean);
        Target { offset: (random.next() % 60_000) as i64, counters: vec![counter], histograms: vec![], gauges: vec![] }
    }

    /// What happened in the interval that ends at `time`.
    fn advance(&mut self, time: i64, random: &mut Random) {
        let load = load(time);
        for (series, mean) in &mut self.counters {
            series.value += random.count(*mean * load) as f64;
        }
        for histogram in &mut self.histograms {
            let requests = random.count(histogram.mean * load);
            for _ in 0..requests {
                // Sums of doubles, as a client library adds them, have no short decimal form.
                let seconds = histogram.middle * (4.0 * (random.unit() + random.unit() - 1.0)).exp();
                histogram.sum.value += (seconds * 1e6).round() / 1e6;
                let first = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
                for bucket in &mut histogram.buckets[first..] {
                    bucket.value += 1.0;
                }
            }
            histogram.count.value += requests as f64;
        }
        for (at, series) in self.gauges.iter_mut().enumerate() {
            series.value = match at {
                0 => (200e6 + 50e6 * load + 5e6 * random.unit()).round() / 4096.0,
                1 => (40.0 + 20.0 * load + 8.0 * random.unit()).round(),
                _ => (load * 40.0 + 10.0 * random.unit()).round() / 100.0,
            };
            if at == 0 {
                series.value = series.value.round() * 4096.0;
            }
        }
    }

    fn write(&self, time: i64, request: &mut Vec<u8>, scratch: &mut Vec<u8>) -> u32 {
        let time = time + self.offset;
        let mut count = 0;
        let histograms = self.histograms.iter().flat_map(|h| h.buckets.iter().chain([&h.sum, &h.count]));
        let counters = self.counters.iter().map(|(series, _)| series);
        for series in counters.chain(histograms).chain(&self.gauges) {
            series.write(time, request, scratch);
            count += 1;
        }
        count
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |name: &str| {
        let pair = arguments.chunks(2).find(|pair| pair[0] == format!("--{name}"));
        pair.and_then(|pair| pair.get(1)).cloned()
    };
    let out = argument("out").expect("--out FILE");
    let is_day = argument("corpus").expect("--corpus day|month") == "day";
    let (targets, interval, hours) = if is_day { (20, 15_000, 24) } else { (100, 60_000, 720) };
    let hours: i64 = argument("hours").map_or(hours, |hours| hours.parse().expect("--hours N"));
    // 2026-01-31T00:00:00Z
    let end: i64 = argument("end").map_or(1_769_817_600, |end| end.parse().expect("--end UNIX_S"));
    let (start, end) = ((end - hours * 3600) * 1000, end * 1000);
    let mut random = Random(if is_day { 1 } else { 2 });
    let mut all: Vec<Target> = (0..targets)
        .map(|index| if is_day { Target::of_day(index, &mut random) } else { Target::of_month(index, &mut random) })
        .collect();
    let mut file = std::io::BufWriter::new(std::fs::File::create(&out).expect("creating --out"));
    let (mut samples, mut series, mut count) = (0u64, 0u32, 0u32);
    let (mut request, mut scratch) = (Vec::new(), Vec::new());
    let mut snappy = snap::raw::Encoder::new();
    // The targets have run before: how rates begin at zero is not what Prometheus 2 and 3 agree on.
    for before in (1..100).rev() {
        all.iter_mut().for_each(|target| target.advance(start - before * interval, &mut random));
    }
    let mut time = start;
    while time < end {
        series = 0;
        for target in &mut all {
            target.advance(time, &mut random);
            series += target.write(time, &mut request, &mut scratch);
        }
        count += series;
        time += interval;
        if count + series <= REQUEST_SAMPLES_MAX && time < end {
            continue;
        }
        let body = snappy.compress_vec(&request).expect("compressing a request");
        file.write_all(&count.to_le_bytes()).expect("writing --out");
        file.write_all(&(body.len() as u32).to_le_bytes()).expect("writing --out");
        file.write_all(&body).expect("writing --out");
        samples += u64::from(count);
        (request, count) = (Vec::new(), 0);
    }
    file.flush().expect("writing --out");
    println!("{}", json!({"samples": samples, "series": series, "start": start, "end": end, "interval": interval}));
}
