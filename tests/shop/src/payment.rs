//! Payment: charges a card, and gives the money back.

use crate::database::{Database, Statement};
use crate::faults::{Fault, Faults};
use crate::grpc::Methods;
use crate::messages::{ChargeRequest, Empty};
use crate::spread;
use crate::telemetry::Service;
use axum::Router;
use opentelemetry::Context;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tonic::Status;
use tracing::{error, info, warn};

/// How long the bank takes to say yes.
const BANK_DELAY: Duration = Duration::from_millis(8);
/// Payments kept; older ones are deleted.
const PAYMENTS_MAX: i64 = 10_000;
/// Of a hundred calls, how many fail while a fault is on.
const CANARY_FAILS: u64 = 85;
const STORM_FAILS: u64 = 75;

/// What the new version fails with.
pub const OVERFLOW: &str = "amount overflows after rounding";

pub const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS payments(
        id INTEGER PRIMARY KEY, \"order\" TEXT NOT NULL, cents INTEGER NOT NULL, refunded INTEGER NOT NULL);";

#[derive(Debug, Clone)]
pub struct Payment {
    pub database: Database,
    pub faults: Faults,
    /// The new version, which takes calls only while the canary is out.
    pub is_canary: bool,
    pub calls: Arc<AtomicU64>,
}

impl Payment {
    pub fn routes(self, service: &Service) -> Router {
        let (charge, refund) = (self.clone(), self);
        Methods::new(service)
            .on("shop.v1.Payment/Charge", move |request: ChargeRequest, context| {
                charge.clone().charge(request, context)
            })
            .on("shop.v1.Payment/Refund", move |request: ChargeRequest, context| {
                refund.clone().refund(request, context)
            })
            .routes()
    }

    async fn charge(self, request: ChargeRequest, context: Context) -> Result<Empty, Status> {
        const TEXT: &str = "INSERT INTO payments(\"order\", cents, refunded) VALUES (?, ?, 0)";
        let draw = spread(self.calls.fetch_add(1, Ordering::Relaxed)) % 100;
        if self.is_canary && draw < CANARY_FAILS {
            error!(order.id = request.order, "{OVERFLOW}");
            return Err(Status::internal(OVERFLOW));
        }
        if self.faults.is_on(Fault::RetryStorm) && draw < STORM_FAILS {
            warn!(order.id = request.order, "too many calls at a time");
            return Err(Status::unavailable("too many calls at a time"));
        }
        tokio::time::sleep(BANK_DELAY).await;
        let (order, cents) = (request.order.clone(), request.cents.cast_signed());
        let act = move |connection: &mut Connection| {
            connection.execute(TEXT, (order, cents))?;
            let oldest = connection.last_insert_rowid() - PAYMENTS_MAX;
            connection.execute("DELETE FROM payments WHERE id < ?", [oldest])
        };
        let statement = Statement::new("INSERT", "payments", TEXT);
        self.database.run(statement, &context, act).await.map_err(Status::internal)?;
        info!(order.id = request.order, cents = request.cents, "charged the card");
        Ok(Empty {})
    }

    async fn refund(self, request: ChargeRequest, context: Context) -> Result<Empty, Status> {
        const TEXT: &str = "UPDATE payments SET refunded = 1 WHERE \"order\" = ?";
        let order = request.order.clone();
        let act = move |connection: &mut Connection| connection.execute(TEXT, [order]);
        let statement = Statement::new("UPDATE", "payments", TEXT);
        self.database.run(statement, &context, act).await.map_err(Status::internal)?;
        warn!(order.id = request.order, cents = request.cents, "gave the money back");
        Ok(Empty {})
    }
}
