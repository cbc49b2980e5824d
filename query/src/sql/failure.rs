//! Turns DataFusion's errors into ours: what went wrong, where in the text, what to try.

use crate::{Error, Position};
use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};

/// An error of the parser.
pub(super) fn parse_error(error: &DataFusionError, text: &str) -> Error {
    let DataFusionError::SQL(parser, _) = error.find_root() else {
        return Error::Parse { message: message(error), position: None, hint: None };
    };
    let said = parser.to_string();
    let said = said.trim_start_matches("sql parser error: ");
    let (message, position) = match said.rsplit_once(" at Line: ") {
        Some((message, place)) => (message, place_of(place)),
        None => (said, None),
    };
    // At the end of the text the parser names no place.
    let position = position.or_else(|| message.ends_with("EOF").then(|| end_of(text)));
    Error::Parse { message: message.to_owned(), position, hint: None }
}

/// Reads `3, Column: 14`.
fn place_of(place: &str) -> Option<Position> {
    let (line, column) = place.split_once(", Column: ")?;
    let number = |text: &str| text.trim().parse::<u64>().ok().filter(|number| *number > 0);
    Some(Position { line: number(line)?, column: number(column)? })
}

fn end_of(text: &str) -> Position {
    let line = text.lines().count().max(1) as u64;
    let column = text.lines().last().map_or(0, |line| line.chars().count()) as u64 + 1;
    Position { line, column }
}

/// An error while planning.
pub(super) fn plan_error(error: DataFusionError, tables: &[String]) -> Error {
    let position = error
        .diagnostic()
        .and_then(|diagnostic| diagnostic.span)
        .map(|span| Position { line: span.start.line, column: span.start.column });
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => match &**schema {
            SchemaError::FieldNotFound { field, valid_fields } => Error::NotFound {
                message: format!("no column named '{}'", field.flat_name()),
                position,
                hint: near(&field.name, valid_fields.iter().map(|field| field.name.as_str())),
            },
            other => Error::InvalidRequest { message: other.to_string(), hint: None },
        },
        DataFusionError::Plan(said) => match missing_table(said) {
            Some(table) => Error::NotFound {
                message: format!("no table named '{table}'"),
                position,
                hint: near(table, tables.iter().map(String::as_str)),
            },
            None if said.starts_with("Invalid function") => {
                let (message, hint) = said.split_once(".\n").unwrap_or((said, ""));
                let hint = (!hint.is_empty()).then(|| hint.to_owned());
                Error::NotFound { message: message.to_owned(), position, hint }
            }
            None => Error::InvalidRequest { message: said.clone(), hint: None },
        },
        DataFusionError::NotImplemented(said) => {
            Error::InvalidRequest { message: format!("not supported: {said}"), hint: None }
        }
        // Constants are computed while planning.
        DataFusionError::Context(_, _)
        | DataFusionError::Diagnostic(_, _)
        | DataFusionError::External(_)
        | DataFusionError::ArrowError(_, _) => {
            Error::InvalidRequest { message: message(&error), hint: None }
        }
        _ => run_error(error, 0),
    }
}

/// `table 'a.b.c' not found` → `c`.
fn missing_table(said: &str) -> Option<&str> {
    let name = said.strip_prefix("table '")?.strip_suffix("' not found")?;
    Some(name.rsplit('.').next().unwrap_or(name))
}

/// An error while running. `memory_limit` is the query's own.
pub(super) fn run_error(error: DataFusionError, memory_limit: u64) -> Error {
    if let Some(error) = value_error(&error) {
        return error;
    }
    match error.find_root() {
        DataFusionError::ResourcesExhausted(limit) => {
            // Our memory pool says which limit was reached.
            Error::MemoryLimit { limit: limit.parse().unwrap_or(memory_limit) }
        }
        DataFusionError::ArrowError(_, _)
        | DataFusionError::ParquetError(_)
        | DataFusionError::External(_)
        | DataFusionError::Internal(_)
        | DataFusionError::ExecutionJoin(_)
        | DataFusionError::IoError(_) => Error::Execution { message: message(&error) },
        _ => Error::InvalidRequest { message: message(&error), hint: None },
    }
}

/// What a query asked of values that cannot be done with them, wherever it was noticed: filters run inside the Parquet
/// reader too.
pub(super) fn value_error(error: &DataFusionError) -> Option<Error> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut found = None;
    while let Some(error) = source {
        found = error.downcast_ref::<ArrowError>().or(found);
        source = error.source();
    }
    let hint = match found? {
        ArrowError::CastError(_) | ArrowError::ParseError(_) => {
            "TRY_CAST(… AS type) makes null of what cannot be that type"
        }
        ArrowError::ComputeError(_) => "no value of these columns can be used so",
        ArrowError::DivideByZero => "nullif(divisor, 0) makes the quotient null",
        ArrowError::ArithmeticOverflow(_) => "cast to double, or to a larger type, first",
        _ => return None,
    };
    Some(Error::InvalidRequest { message: found?.to_string(), hint: Some(hint.to_owned()) })
}

fn message(error: &DataFusionError) -> String {
    let said = error.strip_backtrace();
    let kinds = ["Error during planning: ", "Execution error: ", "Arrow error: ", "SQL error: "];
    kinds
        .iter()
        .fold(said.as_str(), |said, kind| said.strip_prefix(kind).unwrap_or(said))
        .to_owned()
}

/// Names most like `name`, as a hint.
fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut known: Vec<(usize, &str)> = known.map(|other| (distance(name, other), other)).collect();
    known.sort_unstable();
    known.dedup();
    let close: Vec<_> =
        known.iter().filter(|(distance, _)| *distance <= name.len() / 2 + 1).collect();
    let shown = |names: &[&str]| {
        names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
    };
    if close.is_empty() {
        let all: Vec<_> = known.iter().map(|(_, name)| *name).take(20).collect();
        return (!all.is_empty()).then(|| format!("there are {}", shown(&all)));
    }
    let close: Vec<_> = close.iter().map(|(_, name)| *name).take(3).collect();
    Some(format!("did you mean {}?", shown(&close)))
}

/// Edit distance; a name that contains the other is close.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    if a.contains(&b) || b.contains(&a) {
        return 1;
    }
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_values_cannot_do_is_the_querys_fault() {
        let cast = || ArrowError::CastError("no number".to_owned());
        let parquet = parquet::errors::ParquetError::External(Box::new(cast()));
        let errors = [
            DataFusionError::from(ArrowError::DivideByZero),
            DataFusionError::from(cast()),
            DataFusionError::ParquetError(Box::new(parquet)).context("filter"),
        ];
        for error in errors {
            let error = run_error(error, 0);
            assert!(matches!(error, Error::InvalidRequest { hint: Some(_), .. }), "{error}");
        }
        let broken = ArrowError::ParquetError("page".to_owned());
        assert!(matches!(run_error(broken.into(), 0), Error::Execution { .. }));
    }

    #[test]
    fn near_names_are_offered() {
        let known = ["start_time", "duration", "service"];
        assert_eq!(near("servce", known.into_iter()).unwrap(), "did you mean 'service'?");
        assert_eq!(near("time", known.into_iter()).unwrap(), "did you mean 'start_time'?");
        assert!(near("zzz", known.into_iter()).unwrap().starts_with("there are"));
    }
}
