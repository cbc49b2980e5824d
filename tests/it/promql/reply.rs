//! Comparing answers of the API with what a script expects. Histograms come as buckets with bounds, so that is how they are
//! compared.

use super::answer::{expected, is_close};
use super::script::Eval;
use binnacle_query::promql::describe::Point;
use binnacle_query::promql::histogram::Histogram;
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::text::parse_number;
use serde_json::Value;

type Series = (Labels, Vec<(i64, Value)>);

pub fn check(eval: &Eval, data: &Value) -> Result<(), String> {
    let result = &data["result"];
    if let Some(text) = &eval.expect.text {
        let same = result[1].as_str() == Some(text);
        return if same { Ok(()) } else { Err(format!("{result} is not {text:?}")) };
    }
    let is_scalar = data["resultType"] == "scalar";
    if let Some(wanted) = eval.scalar {
        let value = if is_scalar { &result[1] } else { &result[0]["value"][1] };
        let same = is_number(value, wanted);
        return if same { Ok(()) } else { Err(format!("{result} is not {wanted}")) };
    }
    let found: Vec<Series> = result.as_array().into_iter().flatten().map(series).collect();
    let wanted = expected(eval);
    if found.len() != wanted.len() {
        return Err(format!("{} series instead of {}: {result}", found.len(), wanted.len()));
    }
    for (at, (labels, points)) in wanted.iter().enumerate() {
        let other = if eval.expect.is_ordered {
            found.get(at).filter(|(other, _)| other == labels)
        } else {
            found.iter().find(|(other, _)| other == labels)
        };
        let Some((_, other)) = other else {
            return Err(format!("no series {labels} at place {at}: {result}"));
        };
        let same = points.len() == other.len()
            && points.iter().zip(other).all(|(a, b)| a.0 == b.0 && is_same(&a.1, &b.1));
        if !same {
            return Err(format!("{labels}: {other:?}\n    is not {points:?}"));
        }
    }
    Ok(())
}

fn series(value: &Value) -> Series {
    let pairs = value["metric"].as_object().into_iter().flatten();
    let labels =
        Labels::new(pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())));
    let mut points: Vec<(i64, Value)> = Vec::new();
    for one in ["value", "histogram"] {
        points.extend(value.get(one).map(timed));
    }
    for many in ["values", "histograms"] {
        points.extend(value[many].as_array().into_iter().flatten().map(timed));
    }
    points.sort_by_key(|(time, _)| *time);
    (labels, points)
}

fn timed(pair: &Value) -> (i64, Value) {
    ((pair[0].as_f64().unwrap() * 1000.0).round() as i64, pair[1].clone())
}

fn is_number(value: &Value, wanted: f64) -> bool {
    value.as_str().and_then(parse_number).is_some_and(|number| is_close(number, wanted))
}

fn is_same(wanted: &Point, found: &Value) -> bool {
    match wanted {
        Point::Nothing => false,
        Point::Float(number) => is_number(found, *number),
        Point::Histogram(histogram) => is_same_histogram(histogram, found),
    }
}

fn is_same_histogram(wanted: &Histogram, found: &Value) -> bool {
    let buckets: Vec<_> = wanted.buckets().filter(|bucket| bucket.count != 0.0).collect();
    let none = Vec::new();
    let others = found["buckets"].as_array().unwrap_or(&none);
    is_number(&found["count"], wanted.count)
        && is_number(&found["sum"], wanted.sum)
        && buckets.len() == others.len()
        && buckets.iter().zip(others).all(|(bucket, other)| {
            is_number(&other[1], bucket.lower)
                && is_number(&other[2], bucket.upper)
                && is_number(&other[3], bucket.count)
        })
}
