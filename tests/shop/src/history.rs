//! A month that never was: what the shop would have sent, made in seconds, so that budgets and graphs are full at once.
//!
//! A visit every half a minute, more by day than by night, with a few failures, and three incidents to find. Its last minutes are as
//! busy as the shop itself, and may be those of an incident that the shop goes on with. They are sent first: whoever opens the
//! page at once sees now, and what was before fills up behind. It goes the way of all telemetry, as OTLP.

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
/// The same of the last minutes, in which a visit begins each second.
const LATEST_PART_SECONDS: u64 = 300;
/// How long these last minutes are.
const LATEST_SECONDS: u64 = 600;
/// How long before its end something broke that is not mended yet.
const INCIDENT_SECONDS: u64 = 240;
/// What is left out at its end, so that the last visit is over.
const GAP_SECONDS: u64 = 10;
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

/// The time before now, as it is made.
#[derive(Debug)]
pub struct History {
    channel: Channel,
    /// When the shop opens, in Unix seconds.
    now: u64,
    /// Whether its end is an incident that goes on.
    is_failing: bool,
    /// What is to be sent, the latest first.
    latest: Vec<(u64, u64)>,
    earlier: Vec<(u64, u64)>,
    sent: Sent,
}

impl History {
    /// The `lasts` before now, for the OTLP/gRPC endpoint. To be called on the runtime.
    pub fn new(endpoint: &str, lasts: Duration, is_failing: bool) -> Result<History, Error> {
        let channel = Endpoint::from_shared(endpoint.to_owned())
            .map_err(|error| Error::Telemetry(error.to_string()))?
            .timeout(Duration::from_secs(60))
            .connect_lazy();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (latest, earlier) = parts(now, lasts);
        Ok(History { channel, now, is_failing, latest, earlier, sent: Sent::default() })
    }

    /// Sends the last minutes.
    pub async fn send_latest(&mut self) -> Result<(), Error> {
        let parts = std::mem::take(&mut self.latest);
        self.send(&parts, |_| {}).await
    }

    /// Sends what was before; `progress` hears how far it is, in percent.
    pub async fn send_earlier(mut self, progress: impl Fn(u64) + Send) -> Result<Sent, Error> {
        let parts = std::mem::take(&mut self.earlier);
        self.send(&parts, progress).await?;
        Ok(self.sent)
    }

    async fn send(
        &mut self,
        parts: &[(u64, u64)],
        progress: impl Fn(u64) + Send,
    ) -> Result<(), Error> {
        for (index, some) in parts.chunks(REQUESTS).enumerate() {
            let sending = some.iter().map(|(start, end)| self.send_part(*start, *end));
            for part in try_join_all(sending).await? {
                self.sent.spans += part.spans;
                self.sent.logs += part.logs;
                self.sent.points += part.points;
            }
            progress((index * REQUESTS + some.len()) as u64 * 100 / parts.len() as u64);
        }
        Ok(())
    }

    async fn send_part(&self, start: u64, end: u64) -> Result<Sent, Error> {
        let (now, is_failing) = (self.now, self.is_failing);
        // Some hundred visits are made at once: not on a thread that others wait for.
        let made = tokio::task::spawn_blocking(move || make_part(start, end, now, is_failing));
        let part = made.await.map_err(|error| Error::Telemetry(error.to_string()))?;
        send_part(self.channel.clone(), part).await
    }
}

/// Those of the last minutes and hours before, each the latest first.
fn parts(now: u64, lasts: Duration) -> (Vec<(u64, u64)>, Vec<(u64, u64)>) {
    let end = now.saturating_sub(GAP_SECONDS);
    let start = now.saturating_sub(lasts.as_secs()).next_multiple_of(60).min(end);
    let border = (now - LATEST_SECONDS).next_multiple_of(60).max(start);
    let split = |from: u64, to: u64, seconds: u64| {
        let starts = (from..to).step_by(seconds as usize);
        let mut parts: Vec<_> = starts.map(|start| (start, to.min(start + seconds))).collect();
        parts.reverse();
        parts
    };
    (split(border, end, LATEST_PART_SECONDS), split(start, border, PART_SECONDS))
}

/// What was wrong so many seconds before the end.
fn incident(before: u64, is_failing: bool) -> Option<Incident> {
    if is_failing && before <= INCIDENT_SECONDS {
        return Some(Incident::BadCanary);
    }
    let is_in =
        |(from, lasts, _): &&(u64, u64, Incident)| before <= *from && before + lasts > *from;
    INCIDENTS.iter().find(is_in).map(|(_, _, incident)| *incident)
}

fn make_part(start: u64, end: u64, now: u64, is_failing: bool) -> Part {
    let mut part = Part::default();
    let mut at = start;
    while at < end {
        part.visit(at, incident(now - at, is_failing));
        at += if now - at <= LATEST_SECONDS { 1 } else { seconds_to_next(at) };
    }
    part.measure(start, end, now);
    part
}

async fn send_part(channel: Channel, mut part: Part) -> Result<Sent, Error> {
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
    use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

    #[test]
    fn parts_join_without_a_gap_from_now_back() {
        let now = 1_800_000_017;
        let (latest, earlier) = parts(now, Duration::from_secs(3 * DAY));
        let all: Vec<_> = latest.iter().chain(&earlier).collect();
        assert!(all.windows(2).all(|pair| pair[0].0 == pair[1].1));
        assert_eq!((latest.len(), earlier.len()), (2, 72));
        assert_eq!(latest[0].1, now - GAP_SECONDS);
        let first = earlier[71].0;
        assert!(now - 3 * DAY <= first && first < now - 3 * DAY + 60);
        assert!(now - latest[1].0 <= LATEST_SECONDS);
        assert_eq!(parts(now, Duration::ZERO), (vec![], vec![]));
        let (latest, earlier) = parts(now, Duration::from_secs(200));
        assert_eq!((latest.len(), earlier.len()), (1, 0));
    }

    #[test]
    fn its_end_fails_only_when_asked_and_not_before() {
        let canary = Some(Incident::BadCanary);
        assert_eq!(incident(GAP_SECONDS, true), canary);
        assert_eq!(incident(INCIDENT_SECONDS, true), canary);
        assert_eq!(incident(INCIDENT_SECONDS + 1, true), None);
        assert_eq!(incident(GAP_SECONDS, false), None);
        let (from, _, of) = INCIDENTS[0];
        assert_eq!([incident(from, false), incident(from + 1, false)], [Some(of), None]);
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

    #[test]
    fn only_clients_call_into_another_service_but_the_cdn() {
        let mut part = Part::default();
        part.visit(1_800_000_000, Some(Incident::BadCanary));
        let resources = part.take_spans();
        let spans: Vec<_> = resources
            .iter()
            .enumerate()
            .flat_map(|(of, resource)| {
                resource.scope_spans[0].spans.iter().map(move |span| (of, span))
            })
            .collect();
        let service =
            |of: usize| format!("{:?}", resources[of].resource.as_ref().unwrap().attributes);
        for (of, span) in &spans {
            let above = spans.iter().find(|(_, above)| above.span_id == span.parent_span_id);
            let Some((caller, above)) = above.filter(|(caller, _)| caller != of) else { continue };
            let is_client = above.kind == SpanKind::Client as i32;
            assert!(
                is_client || service(*caller).contains("cdn"),
                "{} calls {}",
                above.name,
                span.name
            );
        }
    }
}
