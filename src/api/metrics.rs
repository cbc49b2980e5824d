//! `/metrics`: the process about itself, as OpenMetrics, or as Prometheus text for those that do not ask for it.

use super::Api;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::time::Duration;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the API counts about itself.
#[derive(Debug, Clone)]
pub struct ApiMetrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

impl Default for ApiMetrics {
    fn default() -> Self {
        // 1 ms to 16 s.
        let buckets = || Histogram::new(exponential_buckets(0.001, 2.0, 15));
        ApiMetrics { requests: Family::default(), seconds: Family::new_with_constructor(buckets) }
    }
}

impl ApiMetrics {
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "api_requests",
            "API requests by route and status",
            self.requests.clone(),
        );
        registry.register(
            "api_request_seconds",
            "Time from an API request to the head of its answer",
            self.seconds.clone(),
        );
    }

    /// Counts one request. `route` is the pattern, never the path, so that the number of labels is bounded.
    pub fn count(&self, route: &str, status: u16, elapsed: Duration) {
        let route = route.to_owned();
        self.seconds
            .get_or_create(&RouteLabels { route: route.clone() })
            .observe(elapsed.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { route, status }).inc();
    }
}

/// The process's own metrics: OpenMetrics when asked for in `Accept`, else Prometheus text.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses(
    (status = 200, description = "Metrics of this process", content(
        (String = "application/openmetrics-text"), (String = "text/plain")))))]
pub async fn metrics(State(api): State<Api>, headers: HeaderMap) -> Response {
    let text = api.encode_metrics();
    let accepts = headers.get_all(header::ACCEPT).iter();
    let open = accepts
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/openmetrics-text"));
    if open {
        ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
    } else {
        ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], prometheus_text(&text)).into_response()
    }
}

/// OpenMetrics as the older text format: counters carry their `_total` in the family's name, and neither units,
/// exemplars nor the end mark exist.
fn prometheus_text(open: &str) -> String {
    let counters: Vec<&str> = open
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut out = String::with_capacity(open.len());
    for line in open.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let family = ["# HELP ", "# TYPE "].into_iter().find_map(|mark| {
            let (name, rest) = line.strip_prefix(mark)?.split_once(' ')?;
            Some((mark, name, rest))
        });
        match family {
            Some((mark, name, rest)) => {
                let suffix = if counters.contains(&name) { "_total" } else { "" };
                let rest = match (mark, rest) {
                    ("# TYPE ", "info") => "gauge",
                    ("# TYPE ", "unknown") => "untyped",
                    (_, rest) => rest,
                };
                out.push_str(&format!("{mark}{name}{suffix} {rest}"));
            }
            None => out.push_str(line.split(" # {").next().unwrap_or(line)),
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_text_names_counters_as_it_expects() {
        let open = "# HELP a_b Things.\n# TYPE a_b counter\na_b_total 1 # {trace_id=\"x\"} 1.0\n\
                    # HELP s Time.\n# TYPE s histogram\n# UNIT s seconds\ns_sum 2.0\n# EOF\n";
        let expected = "# HELP a_b_total Things.\n# TYPE a_b_total counter\na_b_total 1\n\
                        # HELP s Time.\n# TYPE s histogram\ns_sum 2.0\n";
        assert_eq!(prometheus_text(open), expected);
    }
}
