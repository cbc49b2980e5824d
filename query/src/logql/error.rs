//! Why a text is not a query.

use super::ast::Span;
use crate::{Error, Position};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    pub span: Span,
    pub message: String,
}

impl SyntaxError {
    pub fn new(span: Span, message: impl Into<String>) -> SyntaxError {
        SyntaxError { span, message: message.into() }
    }

    /// With its line and column in `text`.
    pub fn in_text(self, text: &str) -> Error {
        let mut start = self.span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line = before.matches('\n').count() as u64 + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() as u64 + 1;
        Error::Parse {
            message: self.message,
            position: Some(Position { line, column }),
            hint: None,
        }
    }
}
