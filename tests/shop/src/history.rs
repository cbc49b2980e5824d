//! A month that never was: what the shop would have sent, made in seconds, so that budgets and graphs are full at once.
//!
//! A visit every half a minute, more by day than by night, with a few failures, and three incidents to find. It goes the way
//! of all telemetry, as OTLP.

mod visit;

use crate::Error;
use futures::future::try_join_all;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use visit::{Incident, Part};

/// What one request covers.
const PART_SECONDS: u64 = 3600;
/// Seconds between two visits at the busiest time of day.
const VISIT_SECONDS: u64 = 20;
/// Requests under way at one time.
const REQUESTS: usize = 2;
/// How often a request is sent again that was refused for now.
const TRIES: u32 = 8;
const DAY: u64 = 86_400;

/// What went wrong in that month: how many seconds before its end, and for how long.
const INCIDENTS: [(u64, u64, Incident); 3] = [
    (19 * DAY + 7_000, 1_500, Incident::PaymentDown),
    (8 * DAY + 40_000, 3_000, Incident::SlowDatabase),
    (3 * DAY + 20_000, 420, Incident::BadCanary),
];

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    pub spans: u64,
    pub logs: u64,
    pub points: u64,
}

/// Sends the `lasts` before now to the OTLP/gRPC endpoint; `progress` hears how far it is, in percent.
pub async fn send(
    endpoint: &str,
    lasts: Duration,
    progress: impl Fn(u64) + Send,
) -> Result<Sent, Error> {
    let channel = Endpoint::from_shared(endpoint.to_owned())
        .map_err(|error| Error::Telemetry(error.to_string()))?
        .timeout(Duration::from_secs(60))
        .connect_lazy();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (parts, mut sent) = (parts(now, lasts), Sent::default());
    for (index, some) in parts.chunks(REQUESTS).enumerate() {
        let sending = some.iter().map(|(start, end)| send_part(channel.clone(), *start, *end, now));
        for part in try_join_all(sending).await? {
            sent.spans += part.spans;
            sent.logs += part.logs;
            sent.points += part.points;
        }
        progress((index * REQUESTS + some.len()) as u64 * 100 / parts.len() as u64);
    }
    Ok(sent)
}

/// Hours, the oldest first. The last two minutes are left to the shop itself.
fn parts(now: u64, lasts: Duration) -> Vec<(u64, u64)> {
    let end = now.saturating_sub(120);
    let start = now.saturating_sub(lasts.as_secs()).next_multiple_of(60);
    let starts = (start..end).step_by(PART_SECONDS as usize);
    starts.map(|from| (from, end.min(from + PART_SECONDS))).collect()
}

async fn send_part(channel: Channel, start: u64, end: u64, now: u64) -> Result<Sent, Error> {
    let incident = |at: u64| {
        let before = now - at;
        let is_in =
            |(from, lasts, _): &&(u64, u64, Incident)| before <= *from && before + lasts > *from;
        INCIDENTS.iter().find(is_in).map(|(_, _, incident)| *incident)
    };
    let mut part = Part::default();
    let mut at = start;
    while at < end {
        part.visit(at, incident(at));
        at += seconds_to_next(at);
    }
    part.measure(start, end, now);
    let sent = Sent { spans: part.spans(), logs: part.logs(), points: part.points() };
    let spans = ExportTraceServiceRequest { resource_spans: part.take_spans() };
    let logs = ExportLogsServiceRequest { resource_logs: part.take_logs() };
    let metrics = ExportMetricsServiceRequest { resource_metrics: part.take_metrics() };
    let (traces, of_logs) =
        (TraceServiceClient::new(channel.clone()), LogsServiceClient::new(channel.clone()));
    let of_metrics = MetricsServiceClient::new(channel);
    patiently(|| {
        let (mut client, request) = (traces.clone(), spans.clone());
        async move { client.export(request).await.map(drop) }
    })
    .await?;
    patiently(|| {
        let (mut client, request) = (of_logs.clone(), logs.clone());
        async move { client.export(request).await.map(drop) }
    })
    .await?;
    patiently(|| {
        let (mut client, request) = (of_metrics.clone(), metrics.clone());
        async move { client.export(request).await.map(drop) }
    })
    .await?;
    Ok(sent)
}

/// Sends again what was refused for now.
async fn patiently<F>(send: impl Fn() -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Status>>,
{
    let mut delay = Duration::from_millis(100);
    for _ in 1..TRIES {
        match send().await {
            Ok(()) => return Ok(()),
            Err(status) if matches!(status.code(), Code::Unavailable | Code::ResourceExhausted) => {
                tokio::time::sleep(delay).await;
                delay *= 2;
            }
            Err(status) => return Err(Error::Telemetry(status.to_string())),
        }
    }
    send().await.map_err(|status| Error::Telemetry(status.to_string()))
}

/// Fewest visits at night, most in the evening.
fn seconds_to_next(at: u64) -> u64 {
    let hour = at % DAY / 3600;
    let slower = match hour {
        0..6 => 3,
        6..10 | 22..24 => 2,
        _ => 1,
    };
    VISIT_SECONDS * slower
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_join_without_a_gap_and_end_before_now() {
        let now = 1_800_000_017;
        let parts = parts(now, Duration::from_secs(3 * DAY));
        assert!(parts.windows(2).all(|pair| pair[0].1 == pair[1].0));
        assert_eq!(parts.len(), 72);
        let (first, last) = (parts[0].0, parts[71].1);
        assert!(now - 3 * DAY <= first && first < now - 3 * DAY + 60 && last == now - 120);
        assert_eq!(super::parts(now, Duration::ZERO), []);
    }

    #[test]
    fn the_same_visit_is_the_same_spans() {
        let made = |incident| {
            let mut part = Part::default();
            part.visit(1_800_000_000, incident);
            part.take_spans()
        };
        assert_eq!(made(None), made(None));
        assert_ne!(made(None), made(Some(Incident::SlowDatabase)));
    }
}
