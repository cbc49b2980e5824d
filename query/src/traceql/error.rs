//! What is wrong with a query's text, and where.

use crate::Error;
use crate::error::Position;

/// A byte of the query's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(pub(super) usize);

#[derive(Debug, Clone, PartialEq)]
pub(super) struct SyntaxError {
    place: Place,
    message: String,
    hint: Option<String>,
}

impl SyntaxError {
    pub(super) fn new(place: Place, message: String) -> SyntaxError {
        SyntaxError { place, message, hint: None }
    }

    pub(super) fn with_hint(self, hint: &str) -> SyntaxError {
        SyntaxError { hint: Some(hint.to_owned()), ..self }
    }

    /// With the place counted in lines and columns of `text`.
    pub(super) fn in_text(self, text: &str) -> Error {
        let before = text.get(..self.place.0).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let position = Position {
            line: 1 + before.matches('\n').count() as u64,
            column: 1 + before[line_start..].chars().count() as u64,
        };
        Error::Parse { message: self.message, position: Some(position), hint: self.hint }
    }
}
