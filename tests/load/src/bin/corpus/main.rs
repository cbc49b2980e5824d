//! Deterministic OTLP corpus of an instrumented web-shop request path.
//!
//! corpus --out DIR [--preset small|medium|large] [--spans N] [--base UNIX_S]
//!        [--window-s S] [--seed N] [--batch N] [--signals traces,logs,metrics]
//!
//! --base is the START of the window (default: now - window).  The same seed and
//! sizes give the same corpus, only shifted in time.
//! Output: DIR/{traces,logs,metrics}.otlp, each a sequence of frames
//! (u32 little-endian length + serialized Export*ServiceRequest; the u32 item
//! count of the frame stands before the length), and DIR/manifest.json with
//! the ground truth a checker needs.
mod metrics;
mod output;
mod request;
mod rng;
mod shop;

use crate::metrics::metrics;
use crate::output::{flush_logs, flush_spans, Out};
use crate::request::trace;
use crate::rng::Rng;
use crate::shop::{Gen, Lg, Sp, CATALOG, COMMON, PAYMENT, RARE, SVCS};
use opentelemetry_proto::tonic::common::v1::{any_value::Value, KeyValue};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;

fn hex(b: &[u8]) -> String {
    b.iter().map(|x| format!("{x:02x}")).collect()
}
fn attr<'a>(a: &'a [KeyValue], k: &str) -> Option<&'a Value> {
    a.iter().find(|x| x.key == k)?.value.as_ref()?.value.as_ref()
}

fn main() {
    let mut a: HashMap<String, String> = HashMap::new();
    let v: Vec<String> = std::env::args().skip(1).collect();
    for c in v.chunks(2) {
        assert!(c.len() == 2 && c[0].starts_with("--"), "usage: --key value ...");
        a.insert(c[0][2..].to_string(), c[1].clone());
    }
    let preset = a.get("preset").map(|x| x.as_str()).unwrap_or("small");
    let (dspans, dwin) = match preset {
        "small" => (100_000u64, 600u64),
        "medium" => (2_000_000, 3600),
        "large" => (20_000_000, 6 * 3600),
        _ => panic!("preset: small|medium|large"),
    };
    let num = |k: &str, d: u64| a.get(k).map(|x| x.parse().expect(k)).unwrap_or(d);
    let want = num("spans", dspans);
    let window = num("window-s", dwin);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let base_s = num("base", now - window);
    let base = base_s * 1_000_000_000;
    let seed = num("seed", 20_240_607);
    let batch = num("batch", 800) as usize;
    let sig = a.get("signals").cloned().unwrap_or("traces,logs,metrics".into());
    let dir = a.get("out").expect("--out DIR");
    std::fs::create_dir_all(dir).unwrap();
    let (wt, wl) = (sig.contains("traces"), sig.contains("logs"));

    let mut g = Gen {
        r: Rng::new(seed),
        spans: vec![],
        logs: vec![],
        tid: [0; 16],
        user: String::new(),
        state: String::new(),
        pods: [0; 8],
        slow: 1.0,
    };
    let mut ot = wt.then(|| Out::new(dir, "traces"));
    let mut ol = wl.then(|| Out::new(dir, "logs"));
    let est_traces = (want as f64 / 14.1) as u64 + 1; // mean spans per trace, to spread over the window
    let mut per_svc = [0u64; 8];
    let mut per_svc_logs = [0u64; 8];
    let (mut traces, mut spans_n, mut logs_n, mut err_traces, mut err_spans) =
        (0u64, 0u64, 0u64, 0u64, 0u64);
    let (mut rare, mut common, mut errlogs, mut deadlock) = (0u64, 0u64, 0u64, 0u64);
    let (mut q_spans, mut q_traces) = (0u64, 0u64);
    let (mut e5_spans, mut e5_traces) = (0u64, 0u64);
    let mut user_logs: HashMap<String, u64> = HashMap::new();
    let mut samples = vec![];
    let mut slow_samples = vec![];
    let mut per_min: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut min_t, mut max_t) = (u64::MAX, 0u64);
    let mut sbuf: Vec<Sp> = vec![];
    let mut lbuf: Vec<Lg> = vec![];
    let mut pend_s: Vec<Sp> = vec![];
    let mut pend_l: Vec<Lg> = vec![];
    while spans_n < want {
        for _ in 0..1000 {
            if spans_n >= want {
                break;
            }
            let t0 =
                base + ((traces as f64 + g.r.f()) / est_traces as f64 * window as f64 * 1e9) as u64;
            trace(&mut g, t0);
            traces += 1;
            spans_n += g.spans.len() as u64;
            logs_n += g.logs.len() as u64;
            let mut err = false;
            let (mut q, mut e5) = (false, false);
            for x in &g.spans {
                per_svc[x.svc as usize] += 1;
                min_t = min_t.min(x.sp.start_time_unix_nano);
                max_t = max_t.max(x.sp.end_time_unix_nano);
                if x.sp.status.as_ref().map(|z| z.code == 2).unwrap_or(false) {
                    err = true;
                    err_spans += 1;
                }
                let d = x.sp.end_time_unix_nano - x.sp.start_time_unix_nano;
                if x.svc as usize == PAYMENT
                    && d > 300_000_000
                    && matches!(attr(&x.sp.attributes, "app.payment.method"), Some(Value::StringValue(m)) if m == "klarna")
                {
                    q = true;
                    q_spans += 1;
                }
                if x.svc as usize == CATALOG
                    && matches!(
                        attr(&x.sp.attributes, "http.response.status_code"),
                        Some(Value::IntValue(500))
                    )
                {
                    e5 = true;
                    e5_spans += 1;
                }
                *per_min.entry(x.sp.start_time_unix_nano / 60_000_000_000 * 60).or_default() += 1;
            }
            q_traces += q as u64;
            e5_traces += e5 as u64;
            err_traces += err as u64;
            if traces % (est_traces / 40).max(1) == 7 {
                samples.push(json!({"trace_id": hex(&g.tid), "spans": g.spans.len(), "logs": g.logs.len(), "start_s": t0 / 1_000_000_000, "error": err}));
            }
            if g.slow > 1.0 && slow_samples.len() < 20 {
                slow_samples.push(json!({"trace_id": hex(&g.tid), "spans": g.spans.len(), "start_s": t0 / 1_000_000_000}));
            }
            for x in &g.logs {
                per_svc_logs[x.svc as usize] += 1;
                if let Some(Value::StringValue(b)) =
                    x.lg.body.as_ref().and_then(|b| b.value.as_ref())
                {
                    rare += b.contains(RARE) as u64;
                    common += b.contains(COMMON) as u64;
                    deadlock += b.contains("deadlock detected") as u64;
                }
                errlogs += (x.lg.severity_number == 17) as u64;
            }
            *user_logs.entry(g.user.clone()).or_default() += g.logs.len() as u64;
            pend_s.append(&mut g.spans);
            pend_l.append(&mut g.logs);
        }
        // a collector sees spans as they end
        if let Some(o) = ot.as_mut() {
            pend_s.sort_by_key(|x| x.sp.end_time_unix_nano);
            for x in pend_s.drain(..) {
                sbuf.push(x);
                if sbuf.len() == batch {
                    flush_spans(&mut sbuf, o);
                }
            }
        }
        if let Some(o) = ol.as_mut() {
            pend_l.sort_by_key(|x| x.lg.time_unix_nano);
            for x in pend_l.drain(..) {
                lbuf.push(x);
                if lbuf.len() == batch {
                    flush_logs(&mut lbuf, o);
                }
            }
        }
        pend_s.clear();
        pend_l.clear();
    }
    let mut files = serde_json::Map::new();
    let mut fin = |n: &str, mut o: Out| {
        o.f.flush().unwrap();
        files.insert(n.into(), json!({"items": o.items, "frames": o.frames, "payload_bytes": o.bytes, "bytes_per_item": o.bytes as f64 / o.items.max(1) as f64}));
    };
    if let Some(mut o) = ot {
        flush_spans(&mut sbuf, &mut o);
        fin("traces", o);
    }
    if let Some(mut o) = ol {
        flush_logs(&mut lbuf, &mut o);
        fin("logs", o);
    }
    let mut msum = json!(null);
    if sig.contains("metrics") {
        let mut o = Out::new(dir, "metrics");
        let (n, steps, samples) = metrics(&mut o, base, window, seed);
        fin("metrics", o);
        msum = json!({"streams": n, "steps": steps, "datapoints": n as u64 * steps, "prometheus_series": samples, "prometheus_samples": samples * steps});
    }
    // a user with a middling number of logs: deterministic pick
    let mut us: Vec<_> = user_logs.into_iter().collect();
    us.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mid = us[us.len() / 4].clone();
    let svc_map = |p: &[u64; 8]| {
        (0..8).map(|k| (SVCS[k].name.to_string(), json!(p[k]))).collect::<serde_json::Map<_, _>>()
    };
    let m = json!({
        "preset": preset, "seed": seed, "base_s": base_s, "window_s": window, "batch": batch,
        "min_t_ns": min_t, "max_t_ns": max_t,
        "traces": traces, "spans": spans_n, "logs": logs_n, "error_traces": err_traces, "error_spans": err_spans,
        "spans_by_service": svc_map(&per_svc), "logs_by_service": svc_map(&per_svc_logs),
        "files": files, "metrics": msum,
        "logs_truth": {"rare_word": RARE, "rare": rare, "common_word": COMMON, "common": common, "phrase": "deadlock detected", "phrase_n": deadlock, "severity_error": errlogs, "user_id": mid.0, "user_id_logs": mid.1, "top_user": us[0].0, "top_user_logs": us[0].1},
        "search_truth": {
            "payment_klarna_gt_300ms": {"spans": q_spans, "traces": q_traces},
            "catalog_status_500": {"spans": e5_spans, "traces": e5_traces}},
        "samples": samples, "slow_samples": slow_samples,
        "spans_per_minute": per_min.into_iter().map(|(k, v)| json!([k, v])).collect::<Vec<_>>(),
    });
    std::fs::write(format!("{dir}/manifest.json"), serde_json::to_string_pretty(&m).unwrap())
        .unwrap();
    println!("{}", serde_json::to_string(&json!({"spans": spans_n, "traces": traces, "logs": logs_n, "error_traces": err_traces, "files": m["files"], "metrics": m["metrics"], "truth": m["logs_truth"], "search": m["search_truth"]})).unwrap());
}
