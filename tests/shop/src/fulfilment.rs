//! Fulfilment: takes orders from the queue and tells the partner's webhook. A message begins a trace of its own, which links
//! to the span that sent it, since one may be handled long after.

use crate::Stop;
use crate::http::{Call, Client};
use crate::queue::{DESTINATION, Message, SYSTEM};
use crate::telemetry::{Service, from_pairs};
use http::Method;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{Link, SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use std::net::SocketAddr;
use std::time::Duration;
use tracing::{error, info, warn};

/// How often a webhook is tried, and how long to wait after the first failure; twice that after the second.
const TRIES: u32 = 3;
const TRY_DELAY: Duration = Duration::from_millis(200);

/// Takes messages one after the other until `stop`.
pub async fn consume(service: Service, queue: SocketAddr, partner: SocketAddr, stop: Stop) {
    let client = Client::new(&service);
    loop {
        let taken = tokio::select! {
            () = stop.cancelled() => return,
            taken = take(&client, queue) => taken,
        };
        match taken {
            Ok(Some(message)) => handle(&service, &client, partner, message).await,
            Ok(None) => {}
            Err(error) => {
                warn!(error, "the queue did not answer");
                tokio::time::sleep(TRY_DELAY).await;
            }
        }
    }
}

async fn take(client: &Client, queue: SocketAddr) -> Result<Option<Message>, String> {
    let call = Call::new(Method::POST, format!("/queues/{DESTINATION}/take"));
    let answer = client.send_plain(call, queue, &Context::new()).await?;
    serde_json::from_slice(&answer.body).map_err(|error| error.to_string())
}

async fn handle(service: &Service, client: &Client, partner: SocketAddr, message: Message) {
    let sender = from_pairs(&message.headers);
    let links = vec![Link::with_context(sender.span().span_context().clone())];
    // The baggage goes on, the trace does not.
    let parent = Context::new().with_baggage(
        sender.baggage().iter().map(|(key, (value, _))| KeyValue::new(key.clone(), value.clone())),
    );
    let attributes = vec![
        KeyValue::new("messaging.system", SYSTEM),
        KeyValue::new("messaging.destination.name", DESTINATION),
        KeyValue::new("messaging.operation.name", "process"),
        KeyValue::new("messaging.operation.type", "process"),
        KeyValue::new("messaging.message.id", message.id.clone()),
    ];
    let measured = attributes[..4].to_vec();
    let name = format!("process {DESTINATION}");
    let work = service.start_linked(SpanKind::Consumer, name, &parent, attributes, links);
    let context = work.context().clone();
    let told = work.run(tell(client.clone(), partner, message, context.clone())).await;
    if let Err(error) = told {
        work.fail("webhook_error", error);
    }
    let elapsed = work.finish();
    service.measure("messaging.process.duration", elapsed, &measured, &context);
}

async fn tell(
    client: Client,
    partner: SocketAddr,
    message: Message,
    context: Context,
) -> Result<(), String> {
    let body = serde_json::json!({"event": "order.placed", "order": message.body});
    let mut delay = TRY_DELAY;
    for tried in 1..=TRIES {
        let call = Call::new(Method::POST, "/webhooks/orders").json(&body);
        match client.send(call, "partner", partner, &context).await {
            Ok(answer) if answer.status.is_success() => {
                info!(order.id = message.id, "told the partner");
                return Ok(());
            }
            Ok(answer) => {
                warn!(order.id = message.id, tried, status = %answer.status, "the partner refused")
            }
            Err(error) => warn!(order.id = message.id, tried, error, "the partner did not answer"),
        }
        tokio::time::sleep(delay).await;
        delay *= 2;
    }
    error!(order.id = message.id, "the partner was not told");
    Err("the partner was not told".to_owned())
}
