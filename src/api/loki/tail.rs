//! `GET /loki/api/v1/tail`: lines as they arrive, over a WebSocket.
//!
//! The newest stored lines come first, then what arrives. A reader that lags is told how many lines it missed.

use super::super::Api;
use super::error::LokiError;
use super::params::Params;
use super::render::streams;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::response::Response;
use binnacle_query::QueryEngine;
use binnacle_query::logql::{Direction, Entry, LogqlRequest, LogqlResult, When};
use binnacle_query::tail::{Tail, Tailed};
use binnacle_storage::model::{TenantId, Timestamp};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Longest that lines are held back for others to catch up; Loki's bound too.
const DELAY_MAX: Duration = Duration::from_secs(5);

/// How far back the lines that come first may lie, when the request does not say.
const SINCE_DEFAULT: Duration = Duration::from_secs(3600);

/// How often a silent connection is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// A reader that takes nothing for so long has gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// What to watch for.
struct Watch {
    engine: QueryEngine,
    tenant: TenantId,
    query: String,
    start: Timestamp,
    now: Timestamp,
    limit: usize,
    delay: Duration,
    categorizes: bool,
}

pub async fn tail(State(api): State<Api>, request: Request) -> Result<Response, LokiError> {
    let (mut parts, body) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &api).await;
    let params = Params::from_request(Request::from_parts(parts, body), &api).await?;
    let watch = Watch::of(&api, &params)?;
    // The query is read before the connection changes, so that a mistake has its status.
    let tail = watch.engine.tail_logql(&watch.tenant, &watch.query)?;
    let upgrade = upgrade.map_err(|error| LokiError::bad_request(error.body_text()))?;
    let stopped = api.stopped();
    Ok(upgrade.on_upgrade(|socket| async move {
        tokio::select! {
            () = stopped => {}
            // Whether the reader has gone or the tail has ended: either way it is over.
            _ = watch.run(socket, tail) => {}
        }
    }))
}

impl Watch {
    fn of(api: &Api, params: &Params) -> Result<Watch, LokiError> {
        let delay = params.count("delay_for")?.map(|seconds| Duration::from_secs(seconds as u64));
        let delay = delay.unwrap_or_default();
        if delay > DELAY_MAX {
            return Err(LokiError::bad_request(format!(
                "delay_for can't be greater than {}",
                DELAY_MAX.as_secs()
            )));
        }
        let now = api.now();
        Ok(Watch {
            engine: api.ready_product()?.engine.clone(),
            tenant: params.tenant.clone(),
            query: params.required("query")?.to_owned(),
            start: params.time("start")?.unwrap_or_else(|| now.saturating_sub(SINCE_DEFAULT)),
            now,
            limit: params.limit()?,
            delay,
            categorizes: params.categorizes_labels(),
        })
    }

    /// Sends lines until the reader goes or the server stops.
    async fn run(self, mut socket: WebSocket, mut tail: Tail<Entry>) -> Option<()> {
        // The tail has begun, so that no line falls between both; those in both are sent once.
        let stored = self.stored().await?;
        let mut sent: HashSet<(i64, String)> =
            stored.iter().map(|entry| (entry.time, entry.line.clone())).collect();
        if !stored.is_empty() {
            self.send(&mut socket, stored, 0).await?;
        }
        let mut pings = interval(PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next = Box::pin(next(tail));
        loop {
            tokio::select! {
                arrival = &mut next => {
                    let (tailed, back) = arrival?;
                    tail = back;
                    tokio::time::sleep(self.delay).await;
                    let Tailed { mut rows, skipped, missed } = tailed;
                    rows.retain(|entry| !sent.remove(&(entry.time, entry.line.clone())));
                    if !rows.is_empty() || skipped + missed > 0 {
                        self.send(&mut socket, rows, skipped + missed).await?;
                    }
                    next = Box::pin(self::next(tail));
                }
                received = socket.recv() => match received? {
                    Ok(Message::Close(_)) | Err(_) => return None,
                    // Readers have nothing to say.
                    Ok(_) => {}
                },
                _ = pings.tick() => {
                    let ping = socket.send(Message::Ping(Default::default()));
                    timeout(SEND_TIMEOUT, ping).await.ok()?.ok()?;
                }
            }
        }
    }

    /// The newest stored lines, oldest first.
    async fn stored(&self) -> Option<Vec<Entry>> {
        let end = self.now.saturating_add(Duration::from_nanos(1));
        let request = LogqlRequest {
            query: self.query.clone(),
            when: When::Range { start: self.start, end, step: Duration::from_secs(1) },
            limit: self.limit,
            direction: Direction::Backward,
            interval: Duration::ZERO,
        };
        match self.engine.logql(&self.tenant, request).await.ok()?.result {
            LogqlResult::Lines(mut entries) => {
                entries.reverse();
                Some(entries)
            }
            _ => None,
        }
    }

    /// `None` when the reader has gone.
    async fn send(&self, socket: &mut WebSocket, entries: Vec<Entry>, missed: u64) -> Option<()> {
        let text = message(entries, missed, self.categorizes).to_string();
        let send = socket.send(Message::Text(Utf8Bytes::from(text)));
        timeout(SEND_TIMEOUT, send).await.ok()?.ok()
    }
}

/// What arrives next, with the tail it came from; `None` when there is nothing more.
async fn next(mut tail: Tail<Entry>) -> Option<(Tailed<Entry>, Tail<Entry>)> {
    let tailed = tail.next().await.ok()??;
    Some((tailed, tail))
}

/// Which lines were missed is not known, only how many: one entry says so.
fn message(entries: Vec<Entry>, missed: u64, categorizes: bool) -> Value {
    let last = entries.iter().map(|entry| entry.time).max().unwrap_or(0);
    let mut message = json!({ "streams": streams(entries, categorizes) });
    if missed > 0 {
        message["dropped_entries"] =
            json!([{ "timestamp": last.to_string(), "labels": { "dropped": missed.to_string() } }]);
    }
    if categorizes {
        message["encodingFlags"] = json!(["categorize-labels"]);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use binnacle_query::logql::ByKind;

    #[test]
    fn missed_lines_are_told() {
        let entry = Entry { time: 5, line: "x".to_owned(), labels: ByKind::default() };
        let told = message(vec![entry.clone()], 3, false);
        assert_eq!(told["dropped_entries"][0]["labels"]["dropped"], "3");
        assert_eq!(told["streams"][0]["values"], json!([["5", "x"]]));
        assert!(message(vec![entry], 0, false).get("dropped_entries").is_none());
    }
}
