//! Expressions: operators by precedence, calls, aggregations, literals.

use super::super::ast::*;
use super::super::signature;
use super::super::text::{parse_duration, parse_number, unquote};
use super::token::Token;
use super::{ParseError, Parser, word};

/// A unary sign binds like multiplication: tighter operators belong to its operand.
const UNARY_OPERAND: u8 = 6;

impl Parser<'_> {
    /// An expression of operators that bind at least as tightly as `precedence`.
    pub(super) fn expr(&mut self, precedence: u8) -> Result<Expr, ParseError> {
        self.deeper(|parser| {
            let mut left = parser.unary()?;
            let mut chained = 0;
            while let Some(op) =
                parser.binary_op().filter(|op| op.precedence() >= precedence.max(1))
            {
                let place = parser.advance();
                // Every operator of a chain nests the ones before.
                chained += 1;
                parser.check_chain(chained, place)?;
                left = parser.binary(op, place, left)?;
            }
            Ok(left)
        })
    }

    fn binary_op(&self) -> Option<BinaryOp> {
        use BinaryOp::*;
        Some(match self.peek() {
            Token::Sign(sign) => match sign {
                "+" => Add,
                "-" => Sub,
                "*" => Mul,
                "/" => Div,
                "%" => Mod,
                "^" => Pow,
                "==" => Equal,
                "!=" => NotEqual,
                ">" => Greater,
                "<" => Less,
                ">=" => GreaterEqual,
                "<=" => LessEqual,
                ">/" => TrimLower,
                "</" => TrimUpper,
                _ => return None,
            },
            Token::Word => match self.written().to_ascii_lowercase().as_str() {
                "and" => And,
                "or" => Or,
                "unless" => Unless,
                "atan2" => Atan2,
                _ => return None,
            },
            _ => return None,
        })
    }

    fn binary(&mut self, op: BinaryOp, place: Span, left: Expr) -> Result<Expr, ParseError> {
        if matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper) {
            self.require_experimental(place, "trimming of histograms")?;
        }
        let return_bool = self.take_word("bool");
        let mut matching = self.matching()?;
        if op.is_set() && matching.cardinality == Cardinality::OneToOne {
            matching.cardinality = Cardinality::ManyToMany;
        }
        // Powers group to the right, everything else to the left.
        let tighter = if op == BinaryOp::Pow { op.precedence() } else { op.precedence() + 1 };
        let right = self.expr(tighter)?;
        if let Some(label) =
            matching.labels.iter().find(|label| matching.on && matching.include.contains(label))
        {
            let message = format!("label {label:?} must not occur in ON and GROUP clause at once");
            return Err(ParseError::at(place, message));
        }
        if return_bool && !op.is_comparison() {
            let message = "bool modifier can only be used on comparison operators".to_owned();
            return Err(ParseError::at(place, message));
        }
        let both_scalar = left.kind() == Kind::Scalar && right.kind() == Kind::Scalar;
        if op.is_comparison() && !return_bool && both_scalar {
            let message = "comparisons between scalars must use BOOL modifier".to_owned();
            return Err(ParseError::at(place, message));
        }
        let node = Binary { op, left, right, matching, return_bool };
        Ok(Expr::Binary(Box::new(node)))
    }

    /// `on(…)`, `ignoring(…)`, `group_left(…)`, `group_right(…)` and fill values.
    fn matching(&mut self) -> Result<Matching, ParseError> {
        let mut matching = Matching {
            cardinality: Cardinality::OneToOne,
            on: false,
            labels: Vec::new(),
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        };
        matching.on = self.is_word("on");
        if matching.on || self.is_word("ignoring") {
            self.advance();
            matching.labels = self.label_list()?;
            for (word, cardinality) in
                [("group_left", Cardinality::ManyToOne), ("group_right", Cardinality::OneToMany)]
            {
                if matching.cardinality == Cardinality::OneToOne && self.take_word(word) {
                    matching.cardinality = cardinality;
                    if self.peek() == Token::Sign("(") {
                        matching.include = self.label_list()?;
                    }
                }
            }
        }
        self.fill_values(&mut matching)?;
        Ok(matching)
    }

    fn fill_values(&mut self, matching: &mut Matching) -> Result<(), ParseError> {
        loop {
            let (left, right) = match self.written().to_ascii_lowercase().as_str() {
                _ if self.peek() != Token::Word || self.peek_second() != Token::Sign("(") => {
                    return Ok(());
                }
                "fill" => (true, true),
                "fill_left" => (true, false),
                "fill_right" => (false, true),
                _ => return Ok(()),
            };
            let place = self.advance();
            self.require_experimental(place, "filling in missing series")?;
            self.expect_sign("(", "fill value")?;
            let is_negative = !self.take_sign("+") && self.take_sign("-");
            let value = self.number()?.value * if is_negative { -1.0 } else { 1.0 };
            self.expect_sign(")", "fill value")?;
            let twice =
                (left && matching.fill_left.is_some()) || (right && matching.fill_right.is_some());
            if twice {
                return Err(ParseError::at(place, "a side is filled twice".to_owned()));
            }
            if left {
                matching.fill_left = Some(value);
            }
            if right {
                matching.fill_right = Some(value);
            }
        }
    }

    fn unary(&mut self) -> Result<Expr, ParseError> {
        let Token::Sign(sign @ ("+" | "-")) = self.peek() else {
            let primary = self.primary()?;
            return self.postfix(primary);
        };
        let place = self.advance();
        let is_negative = sign == "-";
        let operand = self.expr(UNARY_OPERAND)?;
        let span = place.to(operand.span());
        Ok(match operand {
            Expr::Number(number) => {
                let value = if is_negative { -number.value } else { number.value };
                Expr::Number(Number { value, span, ..number })
            }
            other => Expr::Unary(Unary { is_negative, expr: Box::new(other), span }),
        })
    }

    fn primary(&mut self) -> Result<Expr, ParseError> {
        match self.peek() {
            Token::Number | Token::Duration => self.number().map(Expr::Number),
            Token::Text => {
                let value = self.unquoted()?;
                let span = self.advance();
                Ok(Expr::Text(Text { value, span }))
            }
            Token::Sign("(") => {
                let open = self.advance();
                let inner = self.expr(0)?;
                let close = self.closing(")")?;
                Ok(Expr::Paren(Box::new(inner), open.to(close)))
            }
            Token::Sign("{") => self.vector_selector().map(Expr::Vector),
            Token::Word => self.word(),
            _ => Err(self.unexpected("", "")),
        }
    }

    fn word(&mut self) -> Result<Expr, ParseError> {
        let written = self.written();
        let lower = written.to_ascii_lowercase();
        let next = self.peek_second();
        let op = AggregateOp::ALL.into_iter().find(|op| op.name() == lower);
        if let Some(op) = op {
            let by = self.tokens.get(self.at + 1).is_some_and(|(token, span)| {
                let word = &self.text[span.start..span.end];
                *token == Token::Word
                    && (word.eq_ignore_ascii_case("by") || word.eq_ignore_ascii_case("without"))
            });
            if next == Token::Sign("(") || by {
                return self.aggregate(op);
            }
        }
        if word::is_reserved(written) {
            return Err(self.unexpected("", ""));
        }
        if next == Token::Sign("(") && word::names_a_function(written) {
            return self.call(written);
        }
        if matches!(lower.as_str(), "inf" | "nan") && next != Token::Sign("{") {
            return self.number().map(Expr::Number);
        }
        self.vector_selector().map(Expr::Vector)
    }

    pub(super) fn number(&mut self) -> Result<Number, ParseError> {
        let (written, is_duration) = (self.written(), self.peek() == Token::Duration);
        let value = match self.peek() {
            Token::Duration => parse_duration(written).map(|ms| ms as f64 / 1000.0),
            Token::Number => parse_number(written),
            Token::Word if matches!(written.to_ascii_lowercase().as_str(), "inf" | "nan") => {
                parse_number(written)
            }
            _ => return Err(self.unexpected("", "number")),
        };
        let Some(value) = value else {
            let message = if is_duration {
                format!("not a valid duration string: {written:?}")
            } else {
                format!(
                    "error parsing number: strconv.ParseFloat: parsing {written:?}: invalid syntax"
                )
            };
            return Err(ParseError::at(self.span(), message));
        };
        if value.is_infinite() && self.peek() == Token::Number {
            let message = format!(
                "error parsing number: strconv.ParseFloat: parsing {written:?}: value out of range"
            );
            return Err(ParseError::at(self.span(), message));
        }
        Ok(Number { value, is_duration, span: self.advance() })
    }

    pub(super) fn unquoted(&self) -> Result<String, ParseError> {
        unquote(self.written()).map_err(|reason| {
            let message = format!("error unquoting string {}: {reason}", self.written());
            ParseError::at(self.span(), message)
        })
    }

    fn call(&mut self, name: &str) -> Result<Expr, ParseError> {
        let place = self.span();
        self.advance();
        let args = self.arguments()?;
        let Some(function) = signature::find(name) else {
            return Err(ParseError::at(place, format!("unknown function with name {name:?}")));
        };
        if function.is_experimental {
            self.require_experimental(place, &format!("function {name:?}"))?;
        }
        let span = Span { start: place.start, end: self.end() };
        Ok(Expr::Call(Call { function, args, span }))
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, ParseError> {
        self.closing("(")?;
        let mut args = Vec::new();
        if self.take_sign(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expr(0)?);
            if self.take_sign(")") {
                return Ok(args);
            }
            let comma = self.closing(",")?;
            if self.peek() == Token::Sign(")") {
                let message = "trailing commas not allowed in function call args".to_owned();
                return Err(ParseError::at(comma, message));
            }
        }
    }

    fn aggregate(&mut self, op: AggregateOp) -> Result<Expr, ParseError> {
        let place = self.advance();
        if op.is_experimental() {
            self.require_experimental(place, &format!("{}()", op.name()))?;
        }
        self.aggregations += 1;
        let mut grouping = self.grouping()?;
        let mut args = self.arguments()?;
        self.aggregations -= 1;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let (without, labels) = grouping.unwrap_or_default();
        let span = Span { start: place.start, end: self.end() };
        let wanted = 1 + usize::from(op.takes_parameter());
        if args.len() != wanted {
            let found = args.len();
            let message = if found == 0 {
                "no arguments for aggregate expression provided".to_owned()
            } else {
                format!(
                    "wrong number of arguments for aggregate expression provided, expected {wanted}, got {found}"
                )
            };
            return Err(ParseError::at(span, message));
        }
        let expr = args.pop().ok_or_else(|| self.unexpected("aggregation", ""))?;
        let parameter = args.pop();
        Ok(Expr::Aggregate(Box::new(Aggregate { op, expr, parameter, labels, without, span })))
    }

    /// `by (…)` or `without (…)`.
    fn grouping(&mut self) -> Result<Option<(bool, Vec<String>)>, ParseError> {
        let without = self.is_word("without");
        if !without && !self.is_word("by") {
            return Ok(None);
        }
        self.advance();
        Ok(Some((without, self.label_list()?)))
    }

    /// The bracket or comma that has to follow; errors do not say so.
    fn closing(&mut self, sign: &str) -> Result<Span, ParseError> {
        if self.peek_is(sign) { Ok(self.advance()) } else { Err(self.unexpected("", "")) }
    }

    fn label_list(&mut self) -> Result<Vec<String>, ParseError> {
        self.expect_sign("(", "grouping opts")?;
        let mut labels = Vec::new();
        while !self.take_sign(")") {
            let label = match self.peek() {
                Token::Word if !self.written().contains(':') => self.written().to_owned(),
                Token::Text => self.unquoted()?,
                _ => return Err(self.unexpected("grouping opts", "label")),
            };
            if label.is_empty() {
                return Err(self.unexpected("grouping opts", "label"));
            }
            self.advance();
            labels.push(label);
            if self.peek() != Token::Sign(")") && !self.take_sign(",") {
                return Err(self.unexpected("grouping opts", "\",\" or \")\""));
            }
        }
        Ok(labels)
    }
}
