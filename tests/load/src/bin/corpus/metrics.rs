//! The shop's metrics.

use crate::output::Out;
use crate::rng::Rng;
use crate::shop::{i, kv, resource, s, scope, SVCS};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    exemplar, exponential_histogram_data_point::Buckets, metric::Data, number_data_point, Exemplar,
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use prost::Message;
use std::collections::BTreeMap;

pub const BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
pub enum St {
    Ctr { v: f64, rate: f64 },
    UpDown { v: f64, lo: f64, hi: f64 },
    Hist { b: [u64; 15], sum: f64, med: f64, rate: f64 },
    Exp { b: Vec<u64>, sum: f64, n: u64, med: f64, rate: f64, ex: Option<(u64, f64)> },
}
pub struct Series {
    pub svc: usize,
    pub pod: usize,
    pub metric: usize,
    pub attrs: Vec<KeyValue>,
    pub st: St,
}
pub const METRICS: [(&str, &str, &str); 10] = [
    ("http.server.request.duration", "s", "Duration of HTTP server requests."),
    ("db.client.operation.duration", "s", "Duration of database client operations."),
    (
        "messaging.client.sent.messages",
        "{message}",
        "Number of messages producer attempted to send.",
    ),
    ("process.cpu.time", "s", "Total CPU seconds broken down by state."),
    ("process.memory.usage", "By", "The amount of physical memory in use."),
    ("db.client.connection.count", "{connection}", "The number of connections in the state."),
    ("http.server.active_requests", "{request}", "Number of active HTTP server requests."),
    ("shop.cache.requests", "{request}", "Cache lookups by outcome."),
    ("system.network.io", "By", "Network bytes by direction."),
    ("http.client.request.duration", "s", "Duration of HTTP client requests."),
];
pub fn exp_idx(v: f64) -> usize {
    // scale 3: base 2^(1/8); offset -120
    ((v.log2() * 8.0).ceil() as i64 - 1 + 120).clamp(0, 199) as usize
}
pub fn series() -> Vec<Series> {
    let mut v = Vec::new();
    let routes: [&[(&str, &str)]; 8] = [
        &[
            ("GET", "/api/products/{id}"),
            ("GET", "/api/search"),
            ("POST", "/api/cart/{user}/items"),
            ("POST", "/api/orders"),
        ],
        &[
            ("GET", "/api/products/{id}"),
            ("GET", "/api/search"),
            ("POST", "/api/cart/{user}/items"),
            ("POST", "/api/orders"),
        ],
        &[
            ("GET", "/api/products/{id}"),
            ("GET", "/api/search"),
            ("POST", "/api/cart/{user}/items"),
            ("POST", "/api/orders"),
        ],
        &[("GET", "/api/products/{id}"), ("GET", "/api/search"), ("GET", "/internal/price/{id}")],
        &[("POST", "/api/cart/{user}/items"), ("GET", "/internal/cart/{user}")],
        &[("POST", "/api/orders")],
        &[("POST", "/charges")],
        &[],
    ];
    for svc in 0..8 {
        for pod in 0..SVCS[svc].pods {
            for (m, r) in routes[svc] {
                for st in [200i64, 404, 500, 503] {
                    let rate = if st == 200 { 2.0 } else { 0.02 };
                    v.push(Series {
                        svc,
                        pod,
                        metric: 0,
                        attrs: vec![
                            kv("http.request.method", s(*m)),
                            kv("http.route", s(*r)),
                            kv("http.response.status_code", i(st)),
                        ],
                        st: St::Hist { b: [0; 15], sum: 0.0, med: 0.02, rate },
                    });
                }
                v.push(Series {
                    svc,
                    pod,
                    metric: 6,
                    attrs: vec![kv("http.request.method", s(*m)), kv("http.route", s(*r))],
                    st: St::UpDown { v: 4.0, lo: 0.0, hi: 200.0 },
                });
            }
            for (sys, op) in [
                ("postgresql", "SELECT"),
                ("postgresql", "INSERT"),
                ("postgresql", "UPDATE"),
                ("redis", "GET"),
                ("redis", "SETEX"),
                ("redis", "HSET"),
                ("redis", "HGETALL"),
            ] {
                v.push(Series {
                    svc,
                    pod,
                    metric: 1,
                    attrs: vec![kv("db.system.name", s(sys)), kv("db.operation.name", s(op))],
                    st: St::Exp {
                        b: vec![0; 200],
                        sum: 0.0,
                        n: 0,
                        med: 0.002,
                        rate: 3.0,
                        ex: None,
                    },
                });
            }
            for d in ["orders.created", "orders.cancelled", "stock.changed"] {
                v.push(Series {
                    svc,
                    pod,
                    metric: 2,
                    attrs: vec![
                        kv("messaging.system", s("kafka")),
                        kv("messaging.destination.name", s(d)),
                    ],
                    st: St::Ctr { v: 0.0, rate: 1.3 },
                });
            }
            for m in ["user", "system", "wait"] {
                v.push(Series {
                    svc,
                    pod,
                    metric: 3,
                    attrs: vec![kv("cpu.mode", s(m))],
                    st: St::Ctr { v: 0.0, rate: 0.2 },
                });
            }
            v.push(Series {
                svc,
                pod,
                metric: 4,
                attrs: vec![],
                st: St::UpDown { v: 4e8, lo: 1e8, hi: 1e9 },
            });
            for m in ["idle", "used"] {
                for p in ["orders", "catalog", "audit"] {
                    v.push(Series {
                        svc,
                        pod,
                        metric: 5,
                        attrs: vec![
                            kv("db.client.connection.state", s(m)),
                            kv("db.client.connection.pool.name", s(p)),
                        ],
                        st: St::UpDown { v: 10.0, lo: 0.0, hi: 50.0 },
                    });
                }
            }
            for m in ["hit", "miss", "error"] {
                for c in ["product", "price", "search", "cart"] {
                    v.push(Series {
                        svc,
                        pod,
                        metric: 7,
                        attrs: vec![kv("cache.outcome", s(m)), kv("cache.name", s(c))],
                        st: St::Ctr { v: 0.0, rate: 5.0 },
                    });
                }
            }
            for m in ["transmit", "receive"] {
                for d in ["eth0", "lo"] {
                    v.push(Series {
                        svc,
                        pod,
                        metric: 8,
                        attrs: vec![
                            kv("network.io.direction", s(m)),
                            kv("network.interface.name", s(d)),
                        ],
                        st: St::Ctr { v: 0.0, rate: 90_000.0 },
                    });
                }
            }
            for a in ["catalog", "cart", "payment", "orders", "api.psp.example"] {
                v.push(Series {
                    svc,
                    pod,
                    metric: 9,
                    attrs: vec![kv("server.address", s(a)), kv("http.request.method", s("POST"))],
                    st: St::Hist { b: [0; 15], sum: 0.0, med: 0.03, rate: 1.0 },
                });
            }
        }
    }
    v
}
/// Numbers that Prometheus would keep of one data point: a histogram's buckets, sum and count each, an exponential
/// histogram's sum and count.
pub fn prometheus_samples(state: &St) -> u64 {
    match state {
        St::Ctr { .. } | St::UpDown { .. } => 1,
        St::Hist { b, .. } => b.len() as u64 + 2,
        St::Exp { .. } => 2,
    }
}
pub fn metrics(o: &mut Out, base: u64, window: u64, seed: u64) -> (usize, u64, u64) {
    let mut r = Rng::new(seed ^ 0x6d65747269637321);
    let mut ss = series();
    let n = ss.len();
    let steps = window / 15;
    let samples = ss.iter().map(|series| prometheus_samples(&series.st)).sum::<u64>();
    let start = base - 3_000_000_000;
    for k in 0..=steps {
        let t = base + k * 15_000_000_000;
        let mut by: BTreeMap<(usize, usize), BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
        for (ix, x) in ss.iter_mut().enumerate() {
            match &mut x.st {
                St::Ctr { v, rate } => *v += (*rate * 15.0 * (0.5 + r.f())).round(),
                St::UpDown { v, lo, hi } => {
                    *v = (*v + (*hi - *lo) * 0.02 * r.normal()).clamp(*lo, *hi).round()
                }
                St::Hist { b, sum, med, rate } => {
                    let m = (*rate * 15.0 * (0.5 + r.f())) as usize;
                    for _ in 0..m {
                        let d = *med * (0.8 * r.normal()).exp();
                        let j = BOUNDS.iter().position(|q| d <= *q).unwrap_or(14);
                        b[j] += 1;
                        *sum += d;
                    }
                }
                St::Exp { b, sum, n, med, rate, ex } => {
                    let m = (*rate * 15.0 * (0.5 + r.f())) as usize;
                    for _ in 0..m {
                        let d = *med * (0.9 * r.normal()).exp();
                        b[exp_idx(d)] += 1;
                        *sum += d;
                        *n += 1;
                        *ex = Some((r.u64(), d));
                    }
                }
            }
            by.entry((x.svc, x.pod)).or_default().entry(x.metric).or_default().push(ix);
        }
        // one request per ~half of the fleet, as a collector would batch
        let all: Vec<_> = by.into_iter().collect();
        for ch in all.chunks(8) {
            let mut items = 0;
            let mut rms = Vec::new();
            for ((svc, pod), ms) in ch {
                let mut out = Vec::new();
                for (m, ixs) in ms {
                    items += ixs.len();
                    let (name, unit, desc) = METRICS[*m];
                    let mut num = vec![];
                    let mut hist = vec![];
                    let mut exph = vec![];
                    let mut gauge = false;
                    for ix in ixs {
                        let x = &ss[*ix];
                        match &x.st {
                            St::Ctr { v, .. } => num.push(NumberDataPoint {
                                attributes: x.attrs.clone(),
                                start_time_unix_nano: start,
                                time_unix_nano: t,
                                value: Some(number_data_point::Value::AsDouble(*v)),
                                ..Default::default()
                            }),
                            St::UpDown { v, .. } => {
                                gauge = true;
                                num.push(NumberDataPoint {
                                    attributes: x.attrs.clone(),
                                    start_time_unix_nano: start,
                                    time_unix_nano: t,
                                    value: Some(number_data_point::Value::AsInt(*v as i64)),
                                    ..Default::default()
                                })
                            }
                            St::Hist { b, sum, .. } => hist.push(HistogramDataPoint {
                                attributes: x.attrs.clone(),
                                start_time_unix_nano: start,
                                time_unix_nano: t,
                                count: b.iter().sum(),
                                sum: Some(*sum),
                                bucket_counts: b.to_vec(),
                                explicit_bounds: BOUNDS.to_vec(),
                                ..Default::default()
                            }),
                            St::Exp { b, sum, n, ex, .. } => {
                                let lo = b.iter().position(|c| *c > 0).unwrap_or(0);
                                let hi = b.iter().rposition(|c| *c > 0).unwrap_or(0);
                                exph.push(ExponentialHistogramDataPoint {
                                    attributes: x.attrs.clone(),
                                    start_time_unix_nano: start,
                                    time_unix_nano: t,
                                    count: *n,
                                    sum: Some(*sum),
                                    scale: 3,
                                    positive: Some(Buckets {
                                        offset: lo as i32 - 120,
                                        bucket_counts: b[lo..=hi].to_vec(),
                                    }),
                                    exemplars: ex
                                        .iter()
                                        .map(|(id, d)| Exemplar {
                                            time_unix_nano: t - 1_000_000,
                                            value: Some(exemplar::Value::AsDouble(*d)),
                                            span_id: id.to_be_bytes().to_vec(),
                                            trace_id: [
                                                id.to_be_bytes(),
                                                id.rotate_left(7).to_be_bytes(),
                                            ]
                                            .concat(),
                                            ..Default::default()
                                        })
                                        .collect(),
                                    ..Default::default()
                                })
                            }
                        }
                    }
                    let data = if !hist.is_empty() {
                        Data::Histogram(Histogram { data_points: hist, aggregation_temporality: 2 })
                    } else if !exph.is_empty() {
                        Data::ExponentialHistogram(ExponentialHistogram {
                            data_points: exph,
                            aggregation_temporality: 2,
                        })
                    } else if gauge {
                        Data::Gauge(Gauge { data_points: num })
                    } else {
                        Data::Sum(Sum {
                            data_points: num,
                            aggregation_temporality: 2,
                            is_monotonic: true,
                        })
                    };
                    out.push(Metric {
                        name: name.into(),
                        description: desc.into(),
                        unit: unit.into(),
                        data: Some(data),
                        ..Default::default()
                    });
                }
                rms.push(ResourceMetrics {
                    resource: Some(resource(*svc, *pod)),
                    scope_metrics: vec![ScopeMetrics {
                        scope: Some(scope(*svc)),
                        metrics: out,
                        schema_url: String::new(),
                    }],
                    schema_url: String::new(),
                });
            }
            o.put(items, &ExportMetricsServiceRequest { resource_metrics: rms }.encode_to_vec());
        }
    }
    (n, steps + 1, samples)
}
