//! Orders: a saga over stock, payment and the orders' own table, each step with its compensation; and the outbox, whose
//! relay publishes what was written in the same transaction as the order.

use crate::Stop;
use crate::database::{Database, Statement};
use crate::faults::{Fault, Faults};
use crate::grpc::{Client, Methods};
use crate::http;
use crate::messages::{
    ChargeRequest, Empty, OrderReply, OrderRequest, ReserveReply, ReserveRequest,
};
use crate::queue::{DESTINATION, Message, SYSTEM};
use crate::spread;
use crate::telemetry::{Service, from_pairs, to_pairs};
use ::http::Method;
use axum::Router;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};
use rusqlite::Connection;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;
use tonic::{Code, Status};
use tracing::{error, info, warn};

/// Orders kept; older ones are deleted.
const ORDERS_MAX: i64 = 10_000;
/// Messages published at one go.
const RELAY_MAX: usize = 100;
/// The relay looks at least this often.
const RELAY_INTERVAL: Duration = Duration::from_secs(1);
/// Payment is asked again this often, after that time; and while orders storms.
const TRIES: u32 = 2;
const TRY_DELAY: Duration = Duration::from_millis(50);
const STORM_TRIES: u32 = 6;
/// What the fault `slow-database` adds to a write.
const SLOW: Duration = Duration::from_millis(400);
/// Of a hundred orders, how many cannot be confirmed while the saga fails.
const SAGA_FAILS: u64 = 70;

pub const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS orders(
        number INTEGER PRIMARY KEY, id TEXT NOT NULL, customer TEXT NOT NULL, cents INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS outbox(
        number INTEGER PRIMARY KEY, id TEXT NOT NULL, headers TEXT NOT NULL, body TEXT NOT NULL);";

#[derive(Debug, Clone)]
pub struct Orders {
    pub service: Service,
    pub database: Database,
    pub catalog: Client,
    pub payment: Client,
    pub payment_canary: Client,
    pub faults: Faults,
    pub placed: Arc<AtomicU64>,
    pub outbox_filled: Arc<Notify>,
}

impl Orders {
    pub fn routes(self) -> Router {
        let service = self.service.clone();
        Methods::new(&service)
            .on("shop.v1.Orders/Place", move |request: OrderRequest, context| {
                self.clone().place(request, context)
            })
            .routes()
    }

    /// Reserve, charge, confirm. What went before a step that fails is taken back, the last first.
    async fn place(self, request: OrderRequest, context: Context) -> Result<OrderReply, Status> {
        if request.items.is_empty() {
            return Err(Status::failed_precondition("the cart is empty"));
        }
        let number = self.placed.fetch_add(1, Ordering::Relaxed);
        let order = order_id(number);
        let reserve = ReserveRequest { order: order.clone(), items: request.items.clone() };
        let reserved: ReserveReply =
            self.catalog.call("shop.v1.Catalog/Reserve", reserve.clone(), &context).await?;
        let charge = ChargeRequest { order: order.clone(), cents: reserved.cents };
        if let Err(status) = self.charge(number, &charge, &context).await {
            error!(order.id = order, error = status.message(), "payment failed");
            self.release(reserve, &context).await;
            return Err(status);
        }
        if let Err(error) = self.confirm(number, &request, &charge, &context).await {
            error!(order.id = order, error, "the order cannot be confirmed and is taken back");
            self.refund(charge, &context).await;
            self.release(reserve, &context).await;
            return Err(Status::internal("the order cannot be confirmed"));
        }
        info!(order.id = order, cents = charge.cents, "placed an order");
        let attributes = [KeyValue::new("payment.currency", "EUR")];
        self.service.count("shop.orders.placed", "{order}", &attributes, &context);
        self.outbox_filled.notify_one();
        Ok(OrderReply { order, cents: charge.cents })
    }

    async fn charge(
        &self,
        number: u64,
        charge: &ChargeRequest,
        context: &Context,
    ) -> Result<(), Status> {
        let is_storm = self.faults.is_on(Fault::RetryStorm);
        let is_new = self.faults.is_on(Fault::BadCanary) && number.is_multiple_of(2);
        let payment = if is_new { &self.payment_canary } else { &self.payment };
        let mut tried = 0;
        loop {
            tried += 1;
            let asked = payment.call("shop.v1.Payment/Charge", charge.clone(), context).await;
            let status = match asked {
                Ok(Empty {}) => return Ok(()),
                Err(status) => status,
            };
            let tries = if is_storm { STORM_TRIES } else { TRIES };
            if status.code() != Code::Unavailable || tried == tries {
                return Err(status);
            }
            warn!(order.id = charge.order, tried, "payment is tried again");
            if !is_storm {
                tokio::time::sleep(TRY_DELAY).await;
            }
        }
    }

    /// Writes the order, and what the queue is to be told, in one transaction.
    async fn confirm(
        &self,
        number: u64,
        request: &OrderRequest,
        charge: &ChargeRequest,
        context: &Context,
    ) -> Result<(), String> {
        const TEXT: &str = "INSERT INTO orders(id, customer, cents) VALUES (?, ?, ?)";
        if self.faults.is_on(Fault::SagaFailure) && spread(number) % 100 < SAGA_FAILS {
            return Err("the warehouse has no slot".to_owned());
        }
        let (order, customer) = (charge.order.clone(), request.customer.clone());
        let cents = charge.cents.cast_signed();
        let body = serde_json::json!({"order": order, "customer": customer, "cents": cents});
        let headers = serde_json::to_string(&to_pairs(context)).map_err(|e| e.to_string())?;
        let act = move |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            transaction.execute(TEXT, (&order, &customer, cents))?;
            let oldest = transaction.last_insert_rowid() - ORDERS_MAX;
            transaction.execute("DELETE FROM orders WHERE number < ?", [oldest])?;
            let outbox = "INSERT INTO outbox(id, headers, body) VALUES (?, ?, ?)";
            transaction.execute(outbox, (&order, &headers, body.to_string()))?;
            transaction.commit()
        };
        let is_slow = self.faults.is_on(Fault::SlowDatabase);
        let delay = if is_slow { SLOW } else { Duration::ZERO };
        let statement = Statement { delay, ..Statement::new("INSERT", "orders", TEXT) };
        self.database.run(statement, context, act).await
    }

    async fn refund(&self, charge: ChargeRequest, context: &Context) {
        let order = charge.order.clone();
        let refunded: Result<Empty, Status> =
            self.payment.call("shop.v1.Payment/Refund", charge, context).await;
        if let Err(status) = refunded {
            error!(order.id = order, error = status.message(), "the money was not given back");
        }
    }

    async fn release(&self, reserve: ReserveRequest, context: &Context) {
        let order = reserve.order.clone();
        let released: Result<Empty, Status> =
            self.catalog.call("shop.v1.Catalog/Release", reserve, context).await;
        if let Err(status) = released {
            error!(order.id = order, error = status.message(), "the goods were not put back");
        }
    }

    /// Publishes what the outbox holds, the oldest first, until `stop`. What the queue does not take stays.
    pub async fn relay(self, queue: SocketAddr, stop: Stop) {
        let client = http::Client::new(&self.service);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.outbox_filled.notified() => {}
                () = tokio::time::sleep(RELAY_INTERVAL) => {}
            }
            if let Err(error) = self.publish_all(&client, queue).await {
                warn!(%error, "the outbox waits");
            }
        }
    }

    async fn publish_all(&self, client: &http::Client, queue: SocketAddr) -> Result<(), String> {
        let waiting = self.database.run_quietly(|connection| {
            let mut rows = connection
                .prepare("SELECT number, id, headers, body FROM outbox ORDER BY 1 LIMIT ?")?;
            let read =
                |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            rows.query_map([RELAY_MAX as i64], read)?.collect::<Result<Vec<_>, _>>()
        });
        for (number, id, headers, body) in waiting.await? {
            let headers: String = headers;
            let headers: HashMap<String, String> =
                serde_json::from_str(&headers).unwrap_or_default();
            self.publish(client, queue, id, &headers, body).await?;
            let number: i64 = number;
            let delete = "DELETE FROM outbox WHERE number = ?";
            self.database.run_quietly(move |c| c.execute(delete, [number])).await?;
        }
        Ok(())
    }

    /// Sends one message; its span belongs to the trace of the order.
    async fn publish(
        &self,
        client: &http::Client,
        queue: SocketAddr,
        id: String,
        headers: &HashMap<String, String>,
        body: String,
    ) -> Result<(), String> {
        let attributes = vec![
            KeyValue::new("messaging.system", SYSTEM),
            KeyValue::new("messaging.destination.name", DESTINATION),
            KeyValue::new("messaging.operation.name", "send"),
            KeyValue::new("messaging.operation.type", "send"),
            KeyValue::new("messaging.message.id", id.clone()),
            KeyValue::new("server.address", http::address("queue")),
            KeyValue::new("server.port", i64::from(queue.port())),
        ];
        let measured = attributes[..4].to_vec();
        let name = format!("send {DESTINATION}");
        let work = self.service.start(SpanKind::Producer, name, &from_pairs(headers), attributes);
        let message = Message { id, headers: to_pairs(work.context()), body };
        let message = serde_json::to_value(&message).map_err(|error| error.to_string())?;
        let call =
            http::Call::new(Method::POST, format!("/queues/{DESTINATION}/publish")).json(&message);
        let sent = client.send_plain(call, queue, work.context()).await;
        let sent = sent.and_then(|answer| match answer.status.is_success() {
            true => Ok(()),
            false => Err(format!("the queue answered {}", answer.status)),
        });
        if let Err(error) = &sent {
            work.fail("publish_error", error.clone());
        }
        let context = work.context().clone();
        let elapsed = work.finish();
        self.service.measure("messaging.client.operation.duration", elapsed, &measured, &context);
        sent
    }
}

/// Unlike any other, also of the run before.
fn order_id(number: u64) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{number}", since.as_millis())
}
