//! Pipelines, sets of spans, and numbers of a set.

use super::Parser;
use super::field::{arithmetic, comparison};
use super::metrics::is_metrics_function;
use crate::traceql::ast::{
    Aggregate, Field, Keeps, Pipeline, Relation, ScalarExpr, ScalarFilter, SpansetExpr, SpansetOp,
    Stage,
};
use crate::traceql::error::SyntaxError;
use crate::traceql::token::Token;

const AGGREGATES: [&str; 5] = ["count", "avg", "max", "min", "sum"];

/// An operator between sets of spans, and how strongly it binds.
fn spanset_op(symbol: &str) -> Option<(SpansetOp, u8)> {
    let (keeps, relation) = match symbol {
        "&&" => return Some((SpansetOp::And, 1)),
        "||" => return Some((SpansetOp::Or, 1)),
        _ => match (symbol.strip_prefix('!'), symbol.strip_prefix('&')) {
            (Some(relation), _) => (Keeps::RightWithout, relation),
            (_, Some(relation)) => (Keeps::Both, relation),
            _ => (Keeps::Right, symbol),
        },
    };
    let relation = match relation {
        ">" => Relation::Child,
        ">>" => Relation::Descendant,
        "<" => Relation::Parent,
        "<<" => Relation::Ancestor,
        "~" => Relation::Sibling,
        _ => return None,
    };
    Some((SpansetOp::Structural { relation, keeps }, 2))
}

impl Parser<'_> {
    /// Stages up to the end, a closing parenthesis or a metrics function.
    pub(super) fn pipeline(&mut self) -> Result<Pipeline, SyntaxError> {
        let mut stages = vec![self.stage()?];
        while matches!(self.peek(), Token::Symbol("|")) && !self.metrics_follow() {
            self.operator()?;
            self.advance();
            stages.push(self.stage()?);
        }
        Ok(Pipeline { stages })
    }

    fn metrics_follow(&self) -> bool {
        matches!(&self.placed(self.at + 1).token, Token::Word(word) if is_metrics_function(word))
    }

    fn stage(&mut self) -> Result<Stage, SyntaxError> {
        if self.take_word("by") {
            return self.in_parentheses(|parser| Ok(Stage::By(parser.field_expr()?)));
        }
        if self.take_word("coalesce") {
            return self.in_parentheses(|_| Ok(Stage::Coalesce));
        }
        if self.take_word("select") {
            return Ok(Stage::Select(self.in_parentheses(Parser::fields)?));
        }
        match self.begins_spans() {
            true => Ok(Stage::Spans(self.spanset(1)?)),
            false => Ok(Stage::Filter(self.scalar_filter()?)),
        }
    }

    /// Whether a `{` comes next, after any number of `(`.
    fn begins_spans(&self) -> bool {
        let after = self.tokens[self.at.min(self.tokens.len())..]
            .iter()
            .find(|placed| placed.token != Token::Symbol("("));
        after.is_none_or(|placed| match &placed.token {
            Token::Symbol(symbol) => *symbol == "{",
            Token::Word(word) => !AGGREGATES.contains(&word.as_str()),
            Token::Literal(_) => false,
            Token::Attribute { .. } | Token::End => true,
        })
    }

    pub(super) fn in_parentheses<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        self.expect("(")?;
        let inner = self.nested(inner)?;
        self.expect(")")?;
        Ok(inner)
    }

    /// `field, field, …`
    pub(super) fn fields(&mut self) -> Result<Vec<Field>, SyntaxError> {
        let mut fields = vec![self.field()?];
        while self.take(",") {
            fields.push(self.field()?);
        }
        Ok(fields)
    }

    fn spanset(&mut self, least: u8) -> Result<SpansetExpr, SyntaxError> {
        let mut left = self.spanset_primary()?;
        while let Token::Symbol(symbol) = *self.peek()
            && let Some((op, binds)) = spanset_op(symbol)
            && binds >= least
        {
            self.operator()?;
            self.advance();
            let right = self.spanset(binds + 1)?;
            left = SpansetExpr::Binary { op, left: Box::new(left), right: Box::new(right) };
        }
        Ok(left)
    }

    fn spanset_primary(&mut self) -> Result<SpansetExpr, SyntaxError> {
        if matches!(self.peek(), Token::Symbol("(")) {
            let pipeline = self.in_parentheses(Parser::pipeline)?;
            return Ok(match <[Stage; 1]>::try_from(pipeline.stages) {
                Ok([Stage::Spans(spans)]) => spans,
                Ok(stages) => SpansetExpr::Pipeline(Pipeline { stages: stages.into() }),
                Err(stages) => SpansetExpr::Pipeline(Pipeline { stages }),
            });
        }
        if !self.take("{") {
            let error = self.unexpected("'{'");
            return Err(error.with_hint("spans are selected in braces: { name = \"GET /cart\" }"));
        }
        if self.take("}") {
            return Ok(SpansetExpr::Filter(None));
        }
        let condition = self.field_expr()?;
        self.expect("}")?;
        Ok(SpansetExpr::Filter(Some(condition)))
    }

    fn scalar_filter(&mut self) -> Result<ScalarFilter, SyntaxError> {
        let left = self.scalar(1)?;
        let op = match self.peek() {
            Token::Symbol(symbol) => comparison(symbol),
            _ => None,
        };
        let op = op.ok_or_else(|| self.unexpected("a comparison"))?;
        self.operator()?;
        self.advance();
        Ok(ScalarFilter { op, left, right: self.scalar(1)? })
    }

    fn scalar(&mut self, least: u8) -> Result<ScalarExpr, SyntaxError> {
        let mut left = self.nested(Parser::scalar_primary)?;
        while let Token::Symbol(symbol) = *self.peek()
            && let Some((op, binds)) = arithmetic(symbol)
            && binds >= least
        {
            self.operator()?;
            self.advance();
            let right = self.nested(|parser| parser.scalar(binds + 1))?;
            left = ScalarExpr::Binary { op, left: Box::new(left), right: Box::new(right) };
        }
        Ok(left)
    }

    fn scalar_primary(&mut self) -> Result<ScalarExpr, SyntaxError> {
        if self.take("-") {
            return Ok(ScalarExpr::Negative(Box::new(self.nested(Parser::scalar_primary)?)));
        }
        if matches!(self.peek(), Token::Symbol("(")) {
            return self.in_parentheses(|parser| parser.scalar(1));
        }
        match self.peek() {
            Token::Word(word) if AGGREGATES.contains(&word.as_str()) => {
                Ok(ScalarExpr::Aggregate(self.aggregate()?))
            }
            _ => Ok(ScalarExpr::Literal(self.literal()?)),
        }
    }

    fn aggregate(&mut self) -> Result<Aggregate, SyntaxError> {
        if self.take_word("count") {
            return self.in_parentheses(|_| Ok(Aggregate::Count));
        }
        let of = match self.peek() {
            Token::Word(word) if word == "avg" => Aggregate::Avg,
            Token::Word(word) if word == "max" => Aggregate::Max,
            Token::Word(word) if word == "min" => Aggregate::Min,
            Token::Word(word) if word == "sum" => Aggregate::Sum,
            _ => return Err(self.unexpected("count, avg, max, min or sum")),
        };
        self.advance();
        self.in_parentheses(|parser| Ok(of(parser.field_expr()?)))
    }
}
