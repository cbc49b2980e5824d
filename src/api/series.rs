//! `GET /api/v1/series`: metric series with their data points, page by page.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::record::Series;
use super::render::Stats;
use super::request::{Params, Tenant, parse_time};
use super::trace::json;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::{SeriesPage, SeriesRequest};
use binnacle_storage::model::Timestamp;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// Which series. Read by hand, as `attribute` may be given more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SeriesParams {
    /// The metric's name.
    #[param(example = "http.server.request.duration")]
    metric: Option<String>,
    #[param(example = "checkout")]
    service: Option<String>,
    /// `key=value`: the data points have the attribute, or else their resource has it. Compared as text. May be given
    /// more than once; all must hold.
    #[param(required = false, example = json!(["http.route=/cart"]))]
    attribute: Vec<String>,
    /// Only points at or after this time, and only series that have one: Unix ns, RFC 3339, `now`, or a duration before
    /// now such as `-15m`.
    start: Option<String>,
    /// Only points before this time.
    end: Option<String>,
    /// Series of this page: 100 when left out, at most 1,000. A page also ends after 50,000 points.
    #[param(value_type = Option<usize>)]
    limit: Option<String>,
    /// Where the page before ended, as it said; the other parameters must be the same as then.
    cursor: Option<String>,
}

impl SeriesParams {
    fn read(pairs: Vec<(String, String)>) -> Result<SeriesParams, ApiError> {
        let mut params = SeriesParams::default();
        for (name, value) in pairs {
            let place = match name.as_str() {
                "attribute" => {
                    params.attribute.push(value);
                    continue;
                }
                "metric" => &mut params.metric,
                "service" => &mut params.service,
                "start" => &mut params.start,
                "end" => &mut params.end,
                "limit" => &mut params.limit,
                "cursor" => &mut params.cursor,
                _ => {
                    return Err(wrong(&format!("unknown field `{name}`")).hint(
                        "there are metric, service, attribute, start, end, limit and cursor",
                    ));
                }
            };
            if place.replace(value).is_some() {
                return Err(wrong(&format!("duplicate field `{name}`")));
            }
        }
        Ok(params)
    }

    fn request(self, now: Timestamp) -> Result<SeriesRequest, ApiError> {
        let time = |name, text: Option<String>| text.map(|t| parse_time(name, &t, now)).transpose();
        let limit = self.limit.map(|text| {
            text.parse().map_err(|_| wrong(&format!("limit `{text}` is not a number")))
        });
        let attribute = |text: String| match text.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(wrong(&format!("attribute `{text}` has no '='"))
                .hint("write attribute=key=value; it may be given more than once")),
        };
        Ok(SeriesRequest {
            metric: self.metric,
            service: self.service,
            attributes: self.attribute.into_iter().map(attribute).collect::<Result<_, _>>()?,
            start: time("start", self.start)?,
            end: time("end", self.end)?,
            limit: limit.transpose()?,
            cursor: self.cursor,
        })
    }
}

fn wrong(what: &str) -> ApiError {
    ApiError::invalid(format!("wrong query parameters: {what}"))
}

/// One page of series.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SeriesAnswer<'a> {
    /// By id. The first may go on where the page before ended.
    pub series: Vec<Series<'a>>,
    /// Asks for the next page; null when this is the last.
    pub cursor: Option<&'a str>,
    pub stats: Stats,
}

impl<'a> From<&'a SeriesPage> for SeriesAnswer<'a> {
    fn from(page: &'a SeriesPage) -> Self {
        SeriesAnswer {
            series: page.series.iter().map(Series::from).collect(),
            cursor: page.cursor.as_deref(),
            stats: Stats::from(&page.stats),
        }
    }
}

/// Metric series with everything their senders said of them, their data points and exemplars.
#[utoipa::path(get, path = "/api/v1/series", tag = "query",
    params(SeriesParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "One page of series", body = SeriesAnswer),
        (status = 400, description = "Not a parameter, a time or a cursor", body = ErrorBody),
        (status = 422, description = "The query needs more memory than it may have", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn series(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(pairs): Params<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let request = SeriesParams::read(pairs)?.request(api.now())?;
    let product = api.ready_product()?;
    let page = product.engine.series(&tenant, request).await?;
    json(move || serde_json::to_vec(&SeriesAnswer::from(&page))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<SeriesRequest, ApiError> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        SeriesParams::read(pairs.collect())?.request(Timestamp(0))
    }

    #[test]
    fn attributes_may_be_given_more_than_once() {
        let request = read(&[("attribute", "a=b=c"), ("metric", "m"), ("attribute", "d=")]);
        let request = request.unwrap();
        let expected = [("a".to_owned(), "b=c".to_owned()), ("d".to_owned(), String::new())];
        assert_eq!(request.attributes, expected);
        assert_eq!(request.metric.as_deref(), Some("m"));
    }

    #[test]
    fn what_is_not_a_parameter_is_refused() {
        for wrong in [
            &[("metrics", "m")][..],
            &[("metric", "m"), ("metric", "m")],
            &[("attribute", "key")],
            &[("limit", "many")],
            &[("start", "soon")],
        ] {
            assert_eq!(read(wrong).unwrap_err().code, "invalid_request", "{wrong:?}");
        }
    }
}
