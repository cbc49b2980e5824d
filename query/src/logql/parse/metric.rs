//! Metric queries: aggregations over ranges and over series, and arithmetic.

use super::super::ast::*;
use super::super::token::Token;
use super::{Parsed, Parser, SyntaxError};
use crate::promql::ast::{BinaryOp, Cardinality, Matching};
use crate::promql::labels::whole_regex;

impl Parser {
    /// An expression whose operators bind at least as tightly as `precedence`.
    pub(super) fn metric(&mut self, precedence: u8) -> Parsed<Metric> {
        let mut left = self.nested(Parser::primary)?;
        while let Some(op) = self.binary_op().filter(|op| op.precedence() >= precedence) {
            self.operator()?;
            let place = self.place();
            self.advance();
            let return_bool = self.take_word("bool");
            if return_bool && !op.is_comparison() {
                let message = "bool goes only with comparisons";
                return Err(SyntaxError::new(place, message));
            }
            let matching = self.matching(op)?;
            // Powers bind to the right.
            let next = op.precedence() + u8::from(op != BinaryOp::Pow);
            let right = self.nested(|parser| parser.metric(next))?;
            if op.is_set() && (left.is_scalar() || right.is_scalar()) {
                let message =
                    format!("unexpected literal in logical/set binary operation ({})", op.text());
                return Err(SyntaxError::new(place, message));
            }
            left = Metric::Binary(Box::new(Binary { op, left, right, matching, return_bool }));
        }
        Ok(left)
    }

    fn binary_op(&self) -> Option<BinaryOp> {
        use BinaryOp::*;
        Some(match self.peek() {
            Token::Sign("+") => Add,
            Token::Sign("-") => Sub,
            Token::Sign("*") => Mul,
            Token::Sign("/") => Div,
            Token::Sign("%") => Mod,
            Token::Sign("^") => Pow,
            Token::Sign("==") => Equal,
            Token::Sign("!=") => NotEqual,
            Token::Sign(">") => Greater,
            Token::Sign("<") => Less,
            Token::Sign(">=") => GreaterEqual,
            Token::Sign("<=") => LessEqual,
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "and" => And,
                "or" => Or,
                "unless" => Unless,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// `on (…) group_left (…)` and the like.
    fn matching(&mut self, op: BinaryOp) -> Parsed<Matching> {
        let cardinality = if op.is_set() { Cardinality::ManyToMany } else { Cardinality::OneToOne };
        let mut matching = Matching {
            cardinality,
            on: false,
            labels: Vec::new(),
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        };
        matching.on = self.is_word("on");
        if !self.take_word("on") && !self.take_word("ignoring") {
            return Ok(matching);
        }
        matching.labels = self.names()?;
        let place = self.place();
        matching.cardinality = if self.take_word("group_left") {
            Cardinality::ManyToOne
        } else if self.take_word("group_right") {
            Cardinality::OneToMany
        } else {
            return Ok(matching);
        };
        if op.is_set() {
            return Err(SyntaxError::new(
                place,
                format!("no grouping allowed for {:?} operation", op.text()),
            ));
        }
        // The parenthesis may also begin the right side.
        let is_list = *self.peek() == Token::Sign("(")
            && matches!(
                (self.peek_after(1), self.peek_after(2)),
                (Token::Sign(")"), _) | (Token::Word(_), Token::Sign("," | ")"))
            );
        if is_list {
            matching.include = self.names()?;
        }
        Ok(matching)
    }

    /// `(name, …)`
    fn names(&mut self) -> Parsed<Vec<String>> {
        self.expect("(")?;
        let mut names = Vec::new();
        while !self.take(")") {
            if !names.is_empty() {
                self.expect(",")?;
            }
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn primary(&mut self) -> Parsed<Metric> {
        let start = self.place();
        match self.peek().clone() {
            Token::Number(_) | Token::Sign("-" | "+") => {
                let number = self.number()?;
                Ok(Metric::Number(number, self.since(start)))
            }
            Token::Sign("(") => {
                self.advance();
                let inner = self.metric(0)?;
                self.expect(")")?;
                Ok(Metric::Paren(Box::new(inner), self.since(start)))
            }
            Token::Word(word) => {
                if let Some(op) = RangeOp::ALL.into_iter().find(|op| op.name() == word) {
                    self.advance();
                    return self.range_aggregate(op, start);
                }
                if let Some(op) = VectorOp::ALL.into_iter().find(|op| op.name() == word) {
                    self.advance();
                    return self.vector_aggregate(op, start);
                }
                match word.as_str() {
                    "vector" => {
                        self.advance();
                        self.expect("(")?;
                        let number = self.number()?;
                        self.expect(")")?;
                        Ok(Metric::Vector(number, self.since(start)))
                    }
                    "label_replace" => {
                        self.advance();
                        self.label_replace(start)
                    }
                    _ => Err(self.unexpected("")),
                }
            }
            _ => Err(self.unexpected("")),
        }
    }

    fn range_aggregate(&mut self, op: RangeOp, start: Span) -> Parsed<Metric> {
        self.expect("(")?;
        let mut parameter = None;
        if op == RangeOp::Quantile {
            parameter = Some(self.number()?);
            self.expect(",")?;
        }
        let parts = self.nested(Parser::range_parts)?;
        let Some(range) = parts.range else { return Err(self.unexpected("RANGE")) };
        self.expect(")")?;
        let grouping = self.grouping()?;
        let node = RangeAggregate {
            op,
            parameter,
            query: parts.query,
            unwrap: parts.unwrap,
            range,
            offset: parts.offset.unwrap_or(0),
            grouping,
            span: self.since(start),
        };
        let wrong = |message: String| Err(SyntaxError::new(node.span, message));
        let name = op.name();
        if node.grouping.is_some() && !op.takes_grouping() {
            return wrong(format!("grouping not allowed for {name} aggregation"));
        }
        if node.unwrap.is_some() && !op.takes_unwrap() {
            return wrong(format!("invalid aggregation {name} with unwrap"));
        }
        if node.unwrap.is_none() && op.needs_unwrap() {
            return wrong(format!("invalid aggregation {name} without unwrap"));
        }
        Ok(Metric::Range(Box::new(node)))
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let without = self.is_word("without");
        if !self.take_word("by") && !self.take_word("without") {
            return Ok(None);
        }
        Ok(Some(Grouping { without, labels: self.names()? }))
    }

    fn vector_aggregate(&mut self, op: VectorOp, start: Span) -> Parsed<Metric> {
        let mut grouping = self.grouping()?;
        self.expect("(")?;
        let mut parameter = None;
        if op.takes_parameter() {
            let place = self.place();
            let number = self.number()?;
            if number < 1.0 || number.fract() != 0.0 {
                let message =
                    format!("invalid parameter (must be greater than 0) {}({number}", op.name());
                return Err(SyntaxError::new(place, message));
            }
            parameter = Some(number);
            self.expect(",")?;
        }
        let expr = self.metric(0)?;
        self.expect(")")?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let span = self.since(start);
        if grouping.is_some() && !op.takes_grouping() {
            let message = format!("grouping not allowed for {} aggregation", op.name());
            return Err(SyntaxError::new(span, message));
        }
        if expr.is_scalar() {
            let message = format!("{} aggregates series, not a number", op.name());
            return Err(SyntaxError::new(span, message));
        }
        Ok(Metric::Aggregate(Box::new(VectorAggregate { op, parameter, expr, grouping, span })))
    }

    fn label_replace(&mut self, start: Span) -> Parsed<Metric> {
        self.expect("(")?;
        let expr = self.metric(0)?;
        self.expect(",")?;
        let target = self.text()?;
        self.expect(",")?;
        let replacement = self.text()?;
        self.expect(",")?;
        let source = self.text()?;
        self.expect(",")?;
        let place = self.place();
        let regex = self.text()?;
        self.expect(")")?;
        whole_regex(&regex).map_err(|reason| SyntaxError::new(place, reason))?;
        let span = self.since(start);
        let node = LabelReplace { expr, target, replacement, source, regex, span };
        Ok(Metric::LabelReplace(Box::new(node)))
    }
}
