//! The queue: a broker that holds messages until they are taken. Its face is HTTP; as most brokers it sends no spans, only
//! how much it holds, and carries what its messages have for headers. What was taken is gone from it, whatever becomes of
//! the consumer.

use crate::telemetry::Service;
use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use opentelemetry::KeyValue;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Messages held at one time; a publisher is refused then, and keeps its own.
const MESSAGES_MAX: usize = 10_000;
/// How long a consumer may wait for a message.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// The one queue there is.
pub const DESTINATION: &str = "orders";
/// What the queue is called in telemetry.
pub const SYSTEM: &str = "shopqueue";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    pub id: String,
    /// Trace context and baggage of whoever sent it.
    pub headers: HashMap<String, String>,
    pub body: String,
}

#[derive(Debug, Clone)]
struct Broker {
    service: Service,
    held: Arc<Mutex<VecDeque<Message>>>,
    came: Arc<Notify>,
}

pub fn routes(service: &Service) -> Router {
    let broker = Broker { service: service.clone(), held: Arc::default(), came: Arc::default() };
    Router::new()
        .route("/queues/{queue}/publish", post(publish))
        .route("/queues/{queue}/take", post(take))
        .with_state(broker)
}

impl Broker {
    /// What `act` makes of the messages; tells how many are left.
    fn with<T>(&self, act: impl FnOnce(&mut VecDeque<Message>) -> T) -> T {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut held);
        let length = held.len() as f64;
        drop(held);
        let of = [KeyValue::new("messaging.destination.name", DESTINATION)];
        self.service.gauge("shopqueue.messages", "{message}", length, &of);
        result
    }
}

async fn publish(
    State(broker): State<Broker>,
    Path(queue): Path<String>,
    Json(message): Json<Message>,
) -> StatusCode {
    if queue != DESTINATION {
        return StatusCode::NOT_FOUND;
    }
    let is_taken = broker.with(|held| {
        let has_room = held.len() < MESSAGES_MAX;
        if has_room {
            held.push_back(message);
        }
        has_room
    });
    if !is_taken {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    broker.came.notify_one();
    StatusCode::NO_CONTENT
}

/// The oldest message, as soon as there is one; `null` when none came in time.
async fn take(
    State(broker): State<Broker>,
    Path(queue): Path<String>,
) -> Result<Json<Option<Message>>, StatusCode> {
    if queue != DESTINATION {
        return Err(StatusCode::NOT_FOUND);
    }
    let waited = tokio::time::timeout(WAIT_MAX, async {
        loop {
            if let Some(message) = broker.with(VecDeque::pop_front) {
                return message;
            }
            broker.came.notified().await;
        }
    });
    Ok(Json(waited.await.ok()))
}
