//! The report as one HTML file: it needs nothing from anywhere else, no script either.

use crate::chart::{Chart, LINES_MAX, Line, scale, svg};
use crate::live::behind;
use crate::run::{Run, RunLatency, Second, State};
use crate::threshold::milliseconds;
use std::fmt::Write as _;

const STYLE: &str = include_str!("report.css");
/// Points of a line at most; more are not seen.
const POINTS_MAX: usize = 1000;

/// `<`, `&` and quotes as text.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The whole page.
pub fn render(run: &Run) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut page, run);
    page
}

fn write_page(page: &mut String, run: &Run) -> std::fmt::Result {
    let name = escape(&run.name);
    writeln!(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")?;
    writeln!(page, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(page, "<title>{name}: load test</title><style>{STYLE}</style></head><body><main>")?;
    let (class, verdict) = match (run.state, run.passed) {
        (State::Aborted, _) => ("failed", "stopped early"),
        (_, Some(false)) => ("failed", "failed"),
        _ if run.thresholds.is_empty() => ("", "finished"),
        _ => ("passed", "passed"),
    };
    writeln!(page, "<h1>{name} <span class=\"verdict {class}\">{verdict}</span></h1>")?;
    writeln!(
        page,
        "<p>{} by {} {}, from {}</p>",
        escape(&run.target),
        run.tool,
        run.tool_version,
        run.started_at
    )?;
    if let Some(warning) = behind(run) {
        writeln!(page, "<p class=\"verdict failed\">{}</p>", escape(&warning))?;
    }
    write_total(page, run)?;
    write_thresholds(page, run)?;
    page.push_str(&percentiles(run));
    page.push_str(&rates(run));
    page.push_str(&latencies(run));
    write_parts(page, run)?;
    writeln!(
        page,
        "<p>Latency counts from when a request was due until its answer's last byte, so what waited for a slow server is in it.\nA request fails by a status from 400 on, a broken connection or no answer in time; its latency counts too.</p>"
    )?;
    writeln!(page, "</main></body></html>")
}

fn write_total(page: &mut String, run: &Run) -> std::fmt::Result {
    let total = &run.total;
    let facts = [
        ("requests", total.requests.to_string()),
        ("failed", total.errors.to_string()),
        ("answered", format!("{:.1}/s", total.achieved_rate)),
        ("intended", format!("{:.1}/s", total.intended_rate)),
        ("p50", milliseconds(total.latency.percentile(50.0))),
        ("p99", milliseconds(total.latency.percentile(99.0))),
        ("p99.9", milliseconds(total.latency.percentile(99.9))),
        (
            "generator behind",
            format!("{} at worst", milliseconds((run.behind_seconds_max * 1e9) as u64)),
        ),
    ];
    writeln!(page, "<dl>")?;
    for (name, value) in facts {
        writeln!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value))?;
    }
    writeln!(page, "</dl>")
}

fn write_thresholds(page: &mut String, run: &Run) -> std::fmt::Result {
    if run.thresholds.is_empty() {
        return Ok(());
    }
    writeln!(page, "<h2>Thresholds</h2><table><tr><th>must hold</th><th>was</th><th></th></tr>")?;
    for checked in &run.thresholds {
        let (class, verdict) =
            if checked.passed { ("passed", "holds") } else { ("failed", "fails") };
        let (expression, actual) = (escape(&checked.expression), escape(&checked.actual));
        writeln!(
            page,
            "<tr><td>{expression}</td><td>{actual}</td><td class=\"verdict {class}\">{verdict}</td></tr>"
        )?;
    }
    writeln!(page, "</table>")
}

/// Latency over 1 − 1/x: each step to the right is ten times rarer.
fn percentiles(run: &Run) -> String {
    let operations = run.operations.iter().map(|one| (one.name.as_str(), &one.latency));
    let all = [("all", &run.total.latency)];
    let named: Vec<(&str, &RunLatency)> = match run.operations.len() {
        0 | 1 => all.to_vec(),
        _ => all.into_iter().chain(operations.take(LINES_MAX - 1)).collect(),
    };
    let x_max = (run.total.requests.max(10) as f64).log10().ceil();
    let lines = named
        .into_iter()
        .map(|(name, latency)| Line { name: name.to_owned(), points: thin(tail_points(latency)) });
    let mut x_ticks = vec![(0.0, "0 %".to_owned()), (2_f64.log10(), "50 %".to_owned())];
    x_ticks.extend((1..=x_max as usize).map(|nines| (nines as f64, percent(nines))));
    chart(
        "Latency by percentile",
        "percentile (each step to the right is ten times rarer)",
        (x_max, x_ticks),
        lines.collect(),
        |value| milliseconds(value as u64),
    )
}

/// 90 %, 99 %, 99.9 %, …
fn percent(nines: usize) -> String {
    match nines {
        1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        _ => format!("99.{} %", "9".repeat(nines - 2)),
    }
}

/// Each bucket at the share of requests that are not above it, as log₁₀ of 1/(1 − share).
fn tail_points(latency: &RunLatency) -> Vec<(f64, f64)> {
    let all: u64 = latency.buckets.iter().map(|(_, count)| count).sum();
    let mut below = 0_u64;
    let mut points = vec![(0.0, latency.min_ns as f64)];
    for (value, count) in &latency.buckets {
        // The last one has none above it; it stands where half a request would be.
        below += count;
        let above = (all - below) as f64;
        points.push(((all as f64 / above.max(0.5)).log10(), *value as f64));
    }
    points
}

fn rates(run: &Run) -> String {
    let per_second = |count: u64, seconds: u64| count as f64 / seconds.max(1) as f64;
    let mut lines = vec![
        along(run, "intended", |second| per_second(second.intended, second.seconds)),
        along(run, "answered", |second| per_second(second.requests, second.seconds)),
    ];
    if run.total.errors > 0 {
        lines.push(along(run, "failed", |second| per_second(second.errors, second.seconds)));
    }
    over_time(run, "Requests per second", lines, |value| {
        format!("{}", (value * 100.0).round() / 100.0)
    })
}

fn latencies(run: &Run) -> String {
    let lines = vec![
        along(run, "p50", |second| second.p50_ns as f64),
        along(run, "p99", |second| second.p99_ns as f64),
    ];
    over_time(run, "Latency of what was answered in each second", lines, |value| {
        milliseconds(value as u64)
    })
}

fn along(run: &Run, name: &str, of: impl Fn(&Second) -> f64) -> Line {
    let mut at = 0;
    let points = run.timeline.iter().map(|second| {
        at += second.seconds;
        (at as f64, of(second))
    });
    Line { name: name.to_owned(), points: thin(points.collect()) }
}

fn over_time(run: &Run, title: &str, lines: Vec<Line>, label: fn(f64) -> String) -> String {
    let seconds: u64 = run.timeline.iter().map(|second| second.seconds).sum();
    let (x_max, step) = scale(seconds as f64);
    let ticks = (0..=(x_max / step).round() as usize).map(|tick| tick as f64 * step);
    let ticks = ticks.map(|at| (at, format!("{at}"))).collect();
    chart(title, "seconds", (x_max, ticks), lines, label)
}

fn chart(
    title: &str,
    x_title: &str,
    (x_max, x_ticks): (f64, Vec<(f64, String)>),
    lines: Vec<Line>,
    label: fn(f64) -> String,
) -> String {
    let highest =
        lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(0.0, f64::max);
    let (y_max, step) = scale(highest);
    let y_ticks = (0..=(y_max / step).round() as usize).map(|tick| tick as f64 * step);
    let y_ticks = y_ticks.map(|at| (at, label(at))).collect();
    let (title, x_title) = (title.to_owned(), x_title.to_owned());
    svg(&Chart { title, x_title, x_max, x_ticks, y_max, y_ticks, lines })
}

/// At most [`POINTS_MAX`] of them, the last always among them.
fn thin(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let every = points.len().div_ceil(POINTS_MAX).max(1);
    let last = points.len().saturating_sub(1);
    let kept = points.into_iter().enumerate();
    kept.filter(|(index, _)| index % every == 0 || *index == last).map(|(_, point)| point).collect()
}

fn write_parts(page: &mut String, run: &Run) -> std::fmt::Result {
    let stages = run
        .stages
        .iter()
        .map(|part| (part.name.as_str(), part.requests, part.errors, &part.latency));
    let operations = run
        .operations
        .iter()
        .map(|part| (part.name.as_str(), part.requests, part.errors, &part.latency));
    write_table(page, "Stages", stages)?;
    write_table(page, "Operations", operations)?;
    if !run.failures.is_empty() {
        writeln!(page, "<h2>Failures</h2><table><tr><th>why</th><th>times</th></tr>")?;
        for (why, count) in &run.failures {
            writeln!(page, "<tr><td>{}</td><td>{count}</td></tr>", escape(why))?;
        }
        writeln!(page, "</table>")?;
    }
    Ok(())
}

fn write_table<'a>(
    page: &mut String,
    title: &str,
    parts: impl Iterator<Item = (&'a str, u64, u64, &'a RunLatency)>,
) -> std::fmt::Result {
    writeln!(page, "<h2>{title}</h2><table><tr><th>name</th><th>requests</th><th>failed</th>")?;
    for column in ["min", "p50", "p90", "p95", "p99", "p99.9", "max"] {
        write!(page, "<th>{column}</th>")?;
    }
    writeln!(page, "</tr>")?;
    for (name, requests, errors, latency) in parts {
        write!(page, "<tr><td>{}</td><td>{requests}</td><td>{errors}</td>", escape(name))?;
        write!(page, "<td>{}</td>", milliseconds(latency.min_ns))?;
        for percent in [50.0, 90.0, 95.0, 99.0, 99.9, 100.0] {
            write!(page, "<td>{}</td>", milliseconds(latency.percentile(percent)))?;
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</table>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Latency;
    use std::time::Duration;

    #[test]
    fn the_tail_is_drawn_by_how_rare_it_is() {
        let mut latency = Latency::default();
        for ms in 1..=1000 {
            latency.record(Duration::from_millis(ms));
        }
        let points = tail_points(&(&latency).into());
        let at = |x: f64| {
            points.iter().find(|point| point.0 >= x - 1e-9).map(|point| (point.1 / 1e7).round())
        };
        // p50, p90, p99 and p99.9 of 1 to 1000 ms, in hundredths of a second.
        assert_eq!(
            [2_f64.log10(), 1.0, 2.0, 3.0].map(at),
            [Some(50.0), Some(90.0), Some(99.0), Some(100.0)]
        );
        assert!(points.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));
        assert!(points.iter().all(|point| point.0.is_finite()));
    }

    #[test]
    fn long_lines_are_thinned_to_their_ends() {
        let points: Vec<(f64, f64)> = (0..12_345).map(|at| (f64::from(at), 0.0)).collect();
        let thinned = thin(points);
        assert!(thinned.len() <= POINTS_MAX + 1);
        assert_eq!((thinned[0].0, thinned[thinned.len() - 1].0), (0.0, 12_344.0));
        assert!(thin(Vec::new()).is_empty());
    }

    #[test]
    fn percentiles_are_named() {
        assert_eq!([1, 2, 3, 5].map(percent), ["90 %", "99 %", "99.9 %", "99.999 %"]);
    }
}
