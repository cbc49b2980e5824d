//! Lines in an SVG, with axes: what the report needs of charts, without a script.

use crate::html::escape;
use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 36.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;
/// Lines that are told apart by colour and dash.
pub const LINES_MAX: usize = 6;

/// One line of a chart, in the units of its axes.
#[derive(Debug, Clone)]
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// What is drawn. Ticks are where they are, and what stands there.
#[derive(Debug, Clone)]
pub struct Chart {
    pub title: String,
    pub x_title: String,
    pub x_max: f64,
    pub x_ticks: Vec<(f64, String)>,
    pub y_max: f64,
    pub y_ticks: Vec<(f64, String)>,
    pub lines: Vec<Line>,
}

/// The chart as SVG, with its legend below.
pub fn svg(chart: &Chart) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = draw(&mut out, chart);
    out
}

fn draw(out: &mut String, chart: &Chart) -> std::fmt::Result {
    let positive = |max: f64| if max > 0.0 { max } else { 1.0 };
    let (x_max, y_max) = (positive(chart.x_max), positive(chart.y_max));
    let x_of = |x: f64| LEFT + (WIDTH - LEFT - RIGHT) * (x / x_max).clamp(0.0, 1.0);
    let y_of = |y: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y / y_max).clamp(0.0, 1.0);
    let title = escape(&chart.title);
    writeln!(out, "<figure><figcaption>{title}</figcaption>")?;
    writeln!(out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">")?;
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for (at, text) in &chart.y_ticks {
        let y = y_of(*at);
        writeln!(out, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>")?;
        writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" class=\"y\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            escape(text)
        )?;
    }
    for (at, text) in &chart.x_ticks {
        let x = x_of(*at);
        writeln!(out, "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>")?;
        writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\" class=\"x\">{}</text>",
            bottom + 16.0,
            escape(text)
        )?;
    }
    writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" class=\"x\">{}</text>",
        (LEFT + right) / 2.0,
        HEIGHT - 8.0,
        escape(&chart.x_title)
    )?;
    for (index, line) in chart.lines.iter().take(LINES_MAX).enumerate() {
        let mut path = String::new();
        for (step, (x, y)) in line.points.iter().enumerate() {
            let verb = if step == 0 { 'M' } else { 'L' };
            write!(path, "{verb}{:.1} {:.1}", x_of(*x), y_of(*y))?;
        }
        writeln!(
            out,
            "<path class=\"line c{index}\" d=\"{path}\"><title>{}</title></path>",
            escape(&line.name)
        )?;
    }
    writeln!(out, "</svg><p class=\"legend\">")?;
    for (index, line) in chart.lines.iter().take(LINES_MAX).enumerate() {
        let key = format!(
            "<svg viewBox=\"0 0 28 8\"><path class=\"line c{index}\" d=\"M0 4H28\"/></svg>"
        );
        writeln!(out, "<span>{key} {}</span>", escape(&line.name))?;
    }
    writeln!(out, "</p></figure>")
}

/// A round number from `value` on, and the steps that lead there.
pub fn scale(value: f64) -> (f64, f64) {
    if value <= 0.0 || !value.is_finite() {
        return (1.0, 0.25);
    }
    let rough = value / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|step| step * power >= rough);
    let step = step.unwrap_or(10.0) * power;
    ((value / step).ceil() * step, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round_and_hold_the_value() {
        for (value, expected) in
            [(7.0, 8.0), (100.0, 100.0), (0.31, 0.4), (1234.0, 1500.0), (0.0, 1.0)]
        {
            let (max, step) = scale(value);
            assert!((max - expected).abs() < 1e-9, "{value}: {max}");
            assert!(max >= value && max / step <= 5.0, "{value}: {max} by {step}");
        }
        assert_eq!(scale(f64::NAN).0, 1.0);
    }

    #[test]
    fn names_are_text() {
        let line = Line { name: "<script>".to_owned(), points: vec![(0.0, 0.0), (1.0, 2.0)] };
        let chart = Chart {
            title: "a & b".to_owned(),
            x_title: String::new(),
            x_max: 1.0,
            x_ticks: vec![(0.0, "<0>".to_owned())],
            y_max: 2.0,
            y_ticks: Vec::new(),
            lines: vec![line],
        };
        let drawn = svg(&chart);
        assert!(
            !drawn.contains("<script>") && !drawn.contains("<0>") && drawn.contains("a &amp; b")
        );
        assert!(drawn.contains("M76.0 256.0L824.0 12.0"), "{drawn}");
    }
}
