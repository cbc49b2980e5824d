//! An answer as a table for people: numbers to the right, times as dates, one line per row.

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

/// Longest cell printed; the rest of a cell is cut with an ellipsis.
const CELL_CHARS_MAX: usize = 120;

/// Renders `{"columns", "rows", "stats", "truncated"}`.
pub fn render(answer: &Value) -> String {
    let empty = Vec::new();
    let columns = answer["columns"].as_array().unwrap_or(&empty);
    let rows = answer["rows"].as_array().unwrap_or(&empty);
    let kinds: Vec<&str> = columns.iter().map(|c| c["type"].as_str().unwrap_or("")).collect();
    let mut lines = vec![columns.iter().map(|c| text(&c["name"])).collect::<Vec<_>>()];
    for row in rows {
        let cells = row.as_array().unwrap_or(&empty).iter().zip(&kinds);
        lines.push(cells.map(|(value, kind)| cell(value, kind)).collect());
    }
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| {
            lines.iter().filter_map(|l| l.get(column)).map(|c| width(c)).max().unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        write_line(line, &widths, &kinds, &mut out);
        if index == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
            out.push_str(&rules.join("  "));
            out.push('\n');
        }
    }
    out.push_str(&footer(answer, rows.len()));
    out
}

fn write_line(line: &[String], widths: &[usize], kinds: &[&str], out: &mut String) {
    for (index, cell) in line.iter().enumerate() {
        if index > 0 {
            out.push_str("  ");
        }
        let padding = " ".repeat(widths[index].saturating_sub(width(cell)));
        if is_number(kinds[index]) {
            out.push_str(&padding);
            out.push_str(cell);
        } else {
            out.push_str(cell);
            if index + 1 < line.len() {
                out.push_str(&padding);
            }
        }
    }
    out.push('\n');
}

fn footer(answer: &Value, rows: usize) -> String {
    let stats = &answer["stats"];
    let number = |name: &str| stats[name].as_u64().unwrap_or(0);
    let rows_word = if rows == 1 { "row" } else { "rows" };
    let mut text = format!("({rows} {rows_word}");
    if !stats.is_null() {
        text.push_str(&format!(
            ", {:.1} ms, {} of {} segments, {} bytes read",
            stats["elapsed_ms"].as_f64().unwrap_or(0.0),
            number("segments").saturating_sub(number("segments_pruned")),
            number("segments"),
            number("bytes_read"),
        ));
    }
    text.push_str(")\n");
    if answer["truncated"] == true {
        text.push_str("there are more rows; ask for them with LIMIT or --limit\n");
    }
    for warning in stats["warnings"].as_array().into_iter().flatten() {
        text.push_str(&format!("warning: {}\n", self::text(warning)));
    }
    text
}

fn cell(value: &Value, kind: &str) -> String {
    let shown = match (kind, value) {
        (_, Value::Null) => return "null".to_owned(),
        ("timestamp", Value::String(nanos)) => match nanos.parse() {
            Ok(nanos) => {
                DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(SecondsFormat::AutoSi, true)
            }
            Err(_) => nanos.clone(),
        },
        (_, value) => text(value),
    };
    // Control characters would tear the table, or reprogram the terminal.
    let clean = shown.chars().map(|c| if c.is_control() { '�' } else { c });
    match shown.char_indices().nth(CELL_CHARS_MAX) {
        Some(_) => clean.take(CELL_CHARS_MAX - 1).chain(['…']).collect(),
        None => clean.collect(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

fn is_number(kind: &str) -> bool {
    ["int", "uint", "float", "decimal", "duration"].iter().any(|prefix| kind.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_align_right_and_times_are_dates() {
        let answer = serde_json::json!({
            "columns": [{"name": "at", "type": "timestamp"}, {"name": "n", "type": "int64"}, {"name": "s", "type": "string"}],
            "rows": [["1000000000", 5, "x\ny"], [null, 1234, "z"]],
            "stats": {"elapsed_ms": 1.25, "segments": 3, "segments_pruned": 1, "bytes_read": 10, "warnings": ["w"]},
            "truncated": true
        });
        let expected = "\
at                       n  s
────────────────────  ────  ───
1970-01-01T00:00:01Z     5  x�y
null                  1234  z
(2 rows, 1.2 ms, 2 of 3 segments, 10 bytes read)
there are more rows; ask for them with LIMIT or --limit
warning: w
";
        assert_eq!(render(&answer), expected);
    }

    #[test]
    fn long_cells_are_cut() {
        assert_eq!(cell(&Value::from("a".repeat(500)), "string").chars().count(), CELL_CHARS_MAX);
        assert_eq!(cell(&Value::from("a".repeat(120)), "string").chars().count(), 120);
    }
}
