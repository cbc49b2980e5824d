//! Unit tests of rules: promtool's files, run over series in memory by the evaluation that servers use.

mod file;
mod report;
mod run;

use super::folder::list;
use super::{Group, Reading, parse};
use regex::Regex;
use std::path::Path;

/// Which tests to run, by their names.
pub type Pattern = Regex;

/// Reads a regular expression, or says why it is none.
pub fn pattern(text: &str) -> Result<Pattern, String> {
    Regex::new(text).map_err(|error| error.to_string())
}

/// Runs the tests of a file; rule files are looked for beside it. An error lists everything that is not as expected. Blocks.
pub fn run_file(path: &Path, only: Option<&Pattern>, reading: Reading) -> Result<(), Vec<String>> {
    let text = std::fs::read_to_string(path).map_err(|error| vec![error.to_string()])?;
    let file = file::parse(&text, reading).map_err(|fault| vec![fault.to_string()])?;
    for (at, name) in file.group_eval_order.iter().enumerate() {
        if file.group_eval_order[..at].contains(name) {
            return Err(vec![format!("group name repeated in evaluation order: {name}")]);
        }
    }
    let is_asked = |name: &str| only.is_none_or(|only| only.is_match(name));
    let mut problems = Vec::new();
    for test in file.tests.iter().filter(|test| is_asked(&test.name)) {
        match groups(path, &file.rule_files, reading) {
            Ok(groups) => problems.extend(run::run_test(&file, test, &groups)),
            // They are the same for every test.
            Err(wrong) => return Err(wrong),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn groups(path: &Path, patterns: &[String], reading: Reading) -> Result<Vec<Group>, Vec<String>> {
    let beside = path.parent().unwrap_or(Path::new(""));
    let absolute = |pattern: &String| beside.join(pattern).to_string_lossy().into_owned();
    let patterns: Vec<String> = patterns.iter().map(absolute).collect();
    let (paths, _) = list(&patterns);
    let mut groups = Vec::new();
    for path in paths {
        let text =
            std::fs::read_to_string(&path).map_err(|error| vec![format!("{path}: {error}")])?;
        let parsed = parse(&path, &text, reading);
        groups.extend(
            parsed.map_err(|faults| {
                faults.iter().map(ToString::to_string).collect::<Vec<String>>()
            })?,
        );
    }
    Ok(groups)
}

#[cfg(test)]
mod tests;
