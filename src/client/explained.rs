//! What spent an SLO's budget, as text for people.

use serde_json::Value;

/// Most lines of one kind.
const LINES_MAX: usize = 10;

/// The sentence, then what is to blame, the most telling first.
pub fn text(answer: &Value) -> String {
    let mut text = format!("{}\n", word(answer, "summary"));
    for (title, stretch) in [("window", &answer["window"]), ("before", &answer["before"])] {
        text += &format!(
            "{title}  {} to {}  {} bad of {}\n",
            time(stretch, "start"),
            time(stretch, "end"),
            whole(stretch, "bad"),
            whole(stretch, "bad") + whole(stretch, "good"),
        );
    }
    text += &section("services", answer, |one| format!("{}  {}", word(one, "service"), spent(one)));
    text += &section("operations", answer, |one| {
        format!(
            "{} {}  {}  {}",
            word(one, "service"),
            word(one, "operation"),
            word(one, "how"),
            spent(one)
        )
    });
    text += &section("attributes", answer, share);
    text += &section("versions", answer, share);
    text += &section("examples", answer, |one| {
        let culprit = &one["culprit"];
        format!(
            "trace {}  {} {}",
            word(one, "trace_id"),
            word(culprit, "service"),
            word(culprit, "operation")
        )
    });
    for warning in answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        text += &format!("warning: {warning}\n");
    }
    text
}

/// A title and a line for each; what is more than chance is marked.
fn section(name: &str, answer: &Value, line: impl Fn(&Value) -> String) -> String {
    let all = answer[name].as_array().map_or(&[][..], Vec::as_slice);
    if all.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{name}\n");
    for one in all.iter().take(LINES_MAX) {
        let mark = if one["is_significant"] == true { '*' } else { ' ' };
        text += format!("{mark} {}", line(one)).trim_end();
        text.push('\n');
    }
    if all.len() > LINES_MAX {
        text += &format!("  and {} more\n", all.len() - LINES_MAX);
    }
    text
}

fn spent(one: &Value) -> String {
    let number = |key: &str| one[key].as_f64().unwrap_or(0.0);
    format!(
        "spent {:.1}, expected {:.1}, q {:.3}",
        number("spent"),
        number("expected"),
        number("q_value")
    )
}

fn share(one: &Value) -> String {
    format!(
        "{} {} = {}  {} bad, {} other, q {:.3}",
        word(one, "service"),
        word(one, "name"),
        word(one, "value"),
        whole(one, "bad"),
        whole(one, "other"),
        one["q_value"].as_f64().unwrap_or(0.0)
    )
}

fn word<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_default()
}

fn whole(of: &Value, key: &str) -> u64 {
    of[key].as_u64().unwrap_or(0)
}

fn time(of: &Value, key: &str) -> String {
    let seconds = word(of, key).parse::<i64>().unwrap_or(0) / 1_000_000_000;
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_spent_the_budget_is_told_line_by_line() {
        let stretch =
            |bad: u64| json!({ "start": "0", "end": "3600000000000", "bad": bad, "good": 90 });
        let answer = json!({
            "summary": "cart spent it",
            "window": stretch(10),
            "before": stretch(0),
            "services": [
                { "service": "cart", "spent": 9.0, "expected": 0.5, "q_value": 0.001, "is_significant": true },
                { "service": "shop", "spent": 1.0, "expected": 1.0, "q_value": 0.9, "is_significant": false },
            ],
            "operations": [],
            "examples": [{ "trace_id": "ab", "culprit": { "service": "cart", "operation": "GET" } }, { "trace_id": "cd" }],
            "warnings": ["not whole"],
        });
        let expected = "cart spent it
window  1970-01-01T00:00:00Z to 1970-01-01T01:00:00Z  10 bad of 100
before  1970-01-01T00:00:00Z to 1970-01-01T01:00:00Z  0 bad of 90

services
* cart  spent 9.0, expected 0.5, q 0.001
  shop  spent 1.0, expected 1.0, q 0.900

examples
  trace ab  cart GET
  trace cd
warning: not whole
";
        assert_eq!(text(&answer), expected);
    }

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let services: Vec<Value> = (0..12).map(|n| json!({ "service": format!("s{n}") })).collect();
        let told = text(&json!({ "services": services }));
        assert!(told.ends_with("  and 2 more\n"), "{told}");
    }
}
