//! Queries as text again.

use super::ast::*;
use super::line::{LineFilter, LineTerm};
use super::unit::short_duration;
use crate::promql::ast::{Cardinality, Matching};
use crate::promql::labels::Matcher;
use crate::promql::text::{float_plain, quote};
use std::fmt::{self, Display, Formatter};

/// Writes `parts` with commas between them.
fn list<T>(
    f: &mut Formatter<'_>,
    parts: &[T],
    mut write: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write(f, part)?;
    }
    Ok(())
}

/// A text in backquotes where it can be, as expressions read best, else with escapes.
fn raw(text: &str) -> String {
    match text.contains(['`', '\r']) || !text.contains(['"', '\\']) {
        true => quote(text),
        false => format!("`{text}`"),
    }
}

fn matcher(f: &mut Formatter<'_>, matcher: &Matcher) -> fmt::Result {
    write!(f, "{}{}{}", matcher.name, matcher.op.text(), raw(&matcher.value))
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Query::Logs(query) => query.fmt(f),
            Query::Metric(metric) => metric.fmt(f),
        }
    }
}

impl Display for LogQuery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        list(f, &self.matchers, matcher)?;
        f.write_str("}")?;
        self.stages.iter().try_for_each(|stage| write!(f, " {stage}"))
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Line(filter) => filter.fmt(f),
            Stage::Json(paths) => {
                f.write_str("| json")?;
                f.write_str(if paths.is_empty() { "" } else { " " })?;
                list(f, paths, |f, (label, path)| write!(f, "{label}={}", raw(&path.text)))
            }
            Stage::Logfmt(flags, keys) => {
                f.write_str("| logfmt")?;
                f.write_str(if flags.strict { " --strict" } else { "" })?;
                f.write_str(if flags.keep_empty { " --keep-empty" } else { "" })?;
                f.write_str(if keys.is_empty() { "" } else { " " })?;
                list(f, keys, |f, (label, key)| write!(f, "{label}={}", raw(key)))
            }
            Stage::Pattern(pattern) => write!(f, "| pattern {}", raw(&pattern.text)),
            Stage::Regexp(named) => write!(f, "| regexp {}", raw(&named.text)),
            Stage::Unpack => f.write_str("| unpack"),
            Stage::Decolorize => f.write_str("| decolorize"),
            Stage::Labels(filter) => write!(f, "| {filter}"),
            Stage::LineFormat(template) => write!(f, "| line_format {}", raw(&template.text)),
            Stage::LabelFormat(formats) => {
                f.write_str("| label_format ")?;
                list(f, formats, |f, format| match &format.value {
                    LabelValue::Rename(from) => write!(f, "{}={from}", format.name),
                    LabelValue::Template(template) => {
                        write!(f, "{}={}", format.name, raw(&template.text))
                    }
                })
            }
            Stage::Drop(picked) => {
                f.write_str("| drop ")?;
                list(f, picked, |f, picked| picked.fmt(f))
            }
            Stage::Keep(picked) => {
                f.write_str("| keep ")?;
                list(f, picked, |f, picked| picked.fmt(f))
            }
        }
    }
}

impl Display for Picked {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.matcher {
            Some(condition) => matcher(f, condition),
            None => f.write_str(&self.name),
        }
    }
}

impl Display for LineFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.text())?;
        for (at, term) in self.terms.iter().enumerate() {
            f.write_str(if at == 0 { " " } else { " or " })?;
            match term {
                LineTerm::Text(text) | LineTerm::Regex(text, _) | LineTerm::Pattern(text, _) => {
                    f.write_str(&raw(text))?;
                }
                LineTerm::Ip(addresses) => write!(f, "ip({})", quote(&addresses.text))?,
            }
        }
        Ok(())
    }
}

impl Display for LabelFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            LabelFilter::Text(condition) => matcher(f, condition),
            LabelFilter::Number { name, op, value } => {
                write!(f, "{name}{}{}", op.text(), float_plain(*value))
            }
            LabelFilter::Duration { name, op, value } => {
                write!(f, "{name}{}{}", op.text(), short_duration(*value))
            }
            LabelFilter::Bytes { name, op, value } => write!(f, "{name}{}{value}B", op.text()),
            LabelFilter::Ip { name, negated, addresses } => {
                let op = if *negated { "!=" } else { "=" };
                write!(f, "{name}{op}ip({})", quote(&addresses.text))
            }
            LabelFilter::And(left, right) => write!(f, "( {left} , {right} )"),
            LabelFilter::Or(left, right) => write!(f, "( {left} or {right} )"),
        }
    }
}

impl Display for Grouping {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = if self.without { "without" } else { "by" };
        write!(f, "{word} ({})", self.labels.join(", "))
    }
}

impl Display for Metric {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Metric::Number(value, _) => f.write_str(&float_plain(*value)),
            Metric::Vector(value, _) => write!(f, "vector({})", float_plain(*value)),
            Metric::Range(node) => node.fmt(f),
            Metric::Aggregate(node) => {
                f.write_str(node.op.name())?;
                if let Some(grouping) = &node.grouping {
                    write!(f, " {grouping} ")?;
                }
                f.write_str("(")?;
                if let Some(parameter) = node.parameter {
                    write!(f, "{}, ", float_plain(parameter))?;
                }
                write!(f, "{})", node.expr)
            }
            Metric::Binary(node) => {
                let bool = if node.return_bool { " bool" } else { "" };
                write!(
                    f,
                    "{} {}{bool}{} {}",
                    node.left,
                    node.op.text(),
                    Match(&node.matching),
                    node.right
                )
            }
            Metric::LabelReplace(node) => {
                let texts = [&node.target, &node.replacement, &node.source, &node.regex]
                    .map(|text| raw(text));
                write!(f, "label_replace({}, {})", node.expr, texts.join(", "))
            }
            Metric::Paren(inner, _) => write!(f, "({inner})"),
        }
    }
}

impl Display for RangeAggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.op.name())?;
        if let Some(parameter) = self.parameter {
            write!(f, "{}, ", float_plain(parameter))?;
        }
        self.query.fmt(f)?;
        if let Some(unwrap) = &self.unwrap {
            match unwrap.conversion {
                Conversion::None => write!(f, " | unwrap {}", unwrap.label)?,
                Conversion::Duration { as_seconds: false } => {
                    write!(f, " | unwrap duration({})", unwrap.label)?
                }
                Conversion::Duration { as_seconds: true } => {
                    write!(f, " | unwrap duration_seconds({})", unwrap.label)?;
                }
                Conversion::Bytes => write!(f, " | unwrap bytes({})", unwrap.label)?,
            }
            unwrap.filters.iter().try_for_each(|filter| write!(f, " | {filter}"))?;
        }
        write!(f, " [{}]", short_duration(self.range))?;
        if self.offset != 0 {
            write!(f, " offset {}", short_duration(self.offset))?;
        }
        f.write_str(")")?;
        match &self.grouping {
            Some(grouping) => write!(f, " {grouping}"),
            None => Ok(()),
        }
    }
}

struct Match<'a>(&'a Matching);

impl Display for Match<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let matching = self.0;
        let group = match matching.cardinality {
            Cardinality::ManyToOne => Some("group_left"),
            Cardinality::OneToMany => Some("group_right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        if matching.on || !matching.labels.is_empty() || group.is_some() {
            let word = if matching.on { "on" } else { "ignoring" };
            write!(f, " {word} ({})", matching.labels.join(", "))?;
        }
        match group {
            Some(word) => write!(f, " {word} ({})", matching.include.join(", ")),
            None => Ok(()),
        }
    }
}
