//! The last stage of a metrics query: `| rate() by (resource.service.name) | topk(5)`.

use super::Parser;
use super::field::comparison;
use crate::traceql::ast::{Field, Literal, Metrics, MetricsFunction, SecondStage};
use crate::traceql::error::SyntaxError;
use crate::traceql::token::Token;

/// Values of each attribute that `compare` gives when the query does not say.
const COMPARE_TOP: usize = 10;

const FUNCTIONS: [&str; 9] = [
    "rate",
    "count_over_time",
    "min_over_time",
    "max_over_time",
    "avg_over_time",
    "sum_over_time",
    "quantile_over_time",
    "histogram_over_time",
    "compare",
];

pub(super) fn is_metrics_function(word: &str) -> bool {
    FUNCTIONS.contains(&word)
}

impl Parser<'_> {
    pub(super) fn metrics(&mut self) -> Result<Metrics, SyntaxError> {
        let function = self.metrics_function()?;
        let by = match self.take_word("by") {
            true => self.in_parentheses(Parser::fields)?,
            false => Vec::new(),
        };
        let mut second = Vec::new();
        while let Some(stage) = self.second_stage()? {
            self.operator()?;
            second.push(stage);
        }
        Ok(Metrics { function, by, second })
    }

    fn metrics_function(&mut self) -> Result<MetricsFunction, SyntaxError> {
        let Token::Word(name) = self.peek().clone() else {
            return Err(self.unexpected("a stage of the pipeline"));
        };
        if !is_metrics_function(&name) {
            return Err(self.unexpected("a metrics function"));
        }
        self.advance();
        self.in_parentheses(|parser| match name.as_str() {
            "rate" => Ok(MetricsFunction::Rate),
            "count_over_time" => Ok(MetricsFunction::CountOverTime),
            "min_over_time" => parser.field().map(MetricsFunction::MinOverTime),
            "max_over_time" => parser.field().map(MetricsFunction::MaxOverTime),
            "avg_over_time" => parser.field().map(MetricsFunction::AvgOverTime),
            "sum_over_time" => parser.field().map(MetricsFunction::SumOverTime),
            "histogram_over_time" => parser.field().map(MetricsFunction::HistogramOverTime),
            "quantile_over_time" => {
                let (field, quantiles) = parser.quantiles()?;
                Ok(MetricsFunction::QuantileOverTime(field, quantiles))
            }
            _ => parser.comparison_of_sets(),
        })
    }

    /// `field, .5, .99, …`
    fn quantiles(&mut self) -> Result<(Field, Vec<f64>), SyntaxError> {
        let field = self.field()?;
        let mut quantiles = Vec::new();
        while self.take(",") {
            let quantile = self.number()?;
            if !(0.0..=1.0).contains(&quantile) {
                self.at -= 1;
                return Err(self.error(format!("{quantile} is not a quantile from 0 to 1")));
            }
            quantiles.push(quantile);
        }
        match quantiles.is_empty() {
            true => Err(self.unexpected("a quantile, as in quantile_over_time(duration, .99)")),
            false => Ok((field, quantiles)),
        }
    }

    /// `{ selection }, top, start, end`
    fn comparison_of_sets(&mut self) -> Result<MetricsFunction, SyntaxError> {
        self.expect("{")?;
        let selection = match self.peek() {
            Token::Symbol("}") => None,
            _ => Some(self.field_expr()?),
        };
        self.expect("}")?;
        let top = match self.take(",") {
            true => self.count_from_one("at least one value of each attribute must be given")?,
            false => COMPARE_TOP,
        };
        let mut times = None;
        if self.take(",") {
            let start = self.count()?;
            self.expect(",")?;
            let end = self.count()?;
            // Two zeros are no times, as Grafana's app sends them.
            if (start, end) != (0, 0) {
                if end <= start {
                    self.at -= 1;
                    return Err(self.error("the end must lie after the start".to_owned()));
                }
                times = Some((start as i64, end as i64));
            }
        }
        Ok(MetricsFunction::Compare { selection, top, times })
    }

    fn second_stage(&mut self) -> Result<Option<SecondStage>, SyntaxError> {
        if let Token::Symbol(symbol) = *self.peek()
            && let Some(op) = comparison(symbol)
        {
            self.advance();
            return Ok(Some(SecondStage::Compare(op, self.number()?)));
        }
        if !self.take("|") {
            return Ok(None);
        }
        if self.take_word("topk") {
            return Ok(Some(SecondStage::TopK(self.in_parentheses(Parser::series_count)?)));
        }
        if self.take_word("bottomk") {
            return Ok(Some(SecondStage::BottomK(self.in_parentheses(Parser::series_count)?)));
        }
        Err(self.unexpected("topk or bottomk"))
    }

    fn series_count(&mut self) -> Result<usize, SyntaxError> {
        self.count_from_one("at least one series must be kept")
    }

    fn count_from_one(&mut self, otherwise: &str) -> Result<usize, SyntaxError> {
        match self.count()? {
            0 => {
                self.at -= 1;
                Err(self.error(otherwise.to_owned()))
            }
            count => Ok(count),
        }
    }

    fn number(&mut self) -> Result<f64, SyntaxError> {
        let sign = if self.take("-") { -1.0 } else { 1.0 };
        match self.literal()? {
            Literal::Int(number) => Ok(sign * number as f64),
            Literal::Float(number) => Ok(sign * number),
            // Series of durations are in seconds.
            Literal::Duration(nanos) => Ok(sign * nanos as f64 / 1e9),
            _ => {
                self.at -= 1;
                Err(self.unexpected("a number"))
            }
        }
    }
}
