//! The language of the scripts: `load`, `clear`, `eval`, and what is expected of an evaluation.

use super::expect::Expect;
use binnacle_query::promql::Times;
use binnacle_query::promql::describe::{Point, series};
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::text::parse_duration;

#[derive(Debug)]
pub enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

/// Series with one value every `step` milliseconds, from time zero.
#[derive(Debug)]
pub struct Load {
    pub step: i64,
    pub series: Vec<(Labels, Vec<Point>)>,
    /// Classic histograms are loaded as native ones with custom bounds as well.
    pub with_custom_buckets: bool,
}

#[derive(Debug)]
pub struct Eval {
    pub query: String,
    pub times: Times,
    pub expect: Expect,
    pub series: Vec<(Labels, Vec<Point>)>,
    /// The value of an evaluation that gives a number.
    pub scalar: Option<f64>,
}

impl Eval {
    /// An instant evaluation gives the same in a range query, unless it asks about the query or is in an order.
    pub fn may_ask_as_range(&self) -> bool {
        let about_the_query = ["step(", "range(", "start(", "end("];
        self.times.step == 0
            && !self.expect.is_ordered
            && self.expect.text.is_none()
            && self.expect.range.is_none()
            && !self.query.contains("sort")
            && !about_the_query.iter().any(|name| self.query.contains(name))
    }
}

/// Commands with the lines they begin at.
pub fn parse(text: &str) -> Result<Vec<(usize, Command)>, String> {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| Some(line.trim()).filter(|line| !line.starts_with('#')).unwrap_or_default())
        .collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let end = (at + 1..lines.len()).find(|next| lines[*next].is_empty()).unwrap_or(lines.len());
        let body: Vec<&str> = original(text, at + 1, end);
        let number = at + 1;
        let command = if line.is_empty() {
            None
        } else if line == "clear" {
            Some(Command::Clear)
        } else if line.starts_with("load") {
            Some(Command::Load(load(line, &body)?))
        } else if line.starts_with("eval") {
            Some(Command::Eval(Box::new(
                eval(line, &body).map_err(|e| format!("line {number}: {e}"))?,
            )))
        } else {
            return Err(format!("line {number}: {line} is no command"));
        };
        let takes_body = matches!(command, Some(Command::Load(_) | Command::Eval(_)));
        commands.extend(command.map(|command| (number, command)));
        at = if takes_body { end } else { at + 1 };
    }
    Ok(commands)
}

/// Comments end neither a load nor what is expected: only their own line is passed over.
fn original(text: &str, from: usize, to: usize) -> Vec<&str> {
    text.lines()
        .skip(from)
        .take(to.saturating_sub(from))
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

pub fn time(text: &str) -> Result<i64, String> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let size = text.trim_start_matches('-');
    let ms = parse_duration(size).or_else(|| size.parse::<f64>().ok().map(|s| (s * 1000.0) as i64));
    ms.map(|ms| sign * ms).ok_or_else(|| format!("{text} is not a time"))
}

fn load(line: &str, body: &[&str]) -> Result<Load, String> {
    let (command, step) = line.split_once(' ').ok_or("load needs a step")?;
    Ok(Load {
        step: time(step.trim())?,
        series: body.iter().map(|line| series(line)).collect::<Result<_, _>>()?,
        with_custom_buckets: command == "load_with_nhcb",
    })
}

fn eval(line: &str, body: &[&str]) -> Result<Eval, String> {
    let (command, rest) = line.split_once(' ').ok_or("eval needs a query")?;
    let mut expect = Expect::of_command(command)?;
    let (times, query) = moment(rest.trim())?;
    let mut all = Vec::new();
    let mut scalar = None;
    for line in body {
        if let Some(directive) = line.strip_prefix("expect ") {
            expect.read(directive.trim())?;
        } else if let Some(number) = binnacle_query::promql::text::parse_number(line) {
            scalar = Some(number);
        } else {
            all.push(series(line)?);
        }
    }
    Ok(Eval { query: query.to_owned(), times, expect, series: all, scalar })
}

fn moment(text: &str) -> Result<(Times, &str), String> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    if let ["instant", "at", at, ..] = parts[..] {
        let query = after_words(text, 3);
        let at = time(at)?;
        return Ok((Times { start: at, end: at, step: 0 }, query));
    }
    let ["range", "from", start, "to", end, "step", step, ..] = parts[..] else {
        return Err(format!("{text} names no time"));
    };
    let times = Times { start: time(start)?, end: time(end)?, step: time(step)? };
    Ok((times, after_words(text, 7)))
}

fn after_words(text: &str, count: usize) -> &str {
    (0..count).fold(text.trim_start(), |rest, _| {
        rest.split_once(char::is_whitespace).map_or("", |(_, after)| after.trim_start())
    })
}
