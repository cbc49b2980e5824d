//! Shoppers: visits that begin at a constant rate, whether or not earlier ones have ended.

use crate::catalog::PRODUCTS;
use crate::faults::{Fault, Faults};
use crate::http::{Answer, Call, finish_call, read, sent_attributes};
use crate::telemetry::{Service, inject};
use crate::tls::HOST;
use crate::{Stop, dns, gateway, spread};
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tracing::{error, warn};

/// Visits that are under way at one time; more do not begin.
const VISITS_MAX: usize = 200;
/// Whoever waits longer goes away.
const VISIT_TIMEOUT: Duration = Duration::from_secs(15);
/// What the noisy neighbour asks for each second.
const NOISE: u32 = 25;
/// The name whose SRV record says where the shop is.
pub const NAME: &str = "_https._tcp.shop.test";

#[derive(Debug, Clone)]
pub struct Shopper {
    pub service: Service,
    pub tls: Arc<ClientConfig>,
    pub dns: SocketAddr,
    pub faults: Faults,
}

/// What a visitor came for.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Browse,
    Look,
    Buy,
    /// The noisy neighbour's.
    Import,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Browse => "browse",
            Purpose::Look => "look",
            Purpose::Buy => "buy",
            Purpose::Import => "import",
        }
    }
}

impl Shopper {
    /// Begins `per_second` visits until `stop`.
    pub async fn run(self, per_second: f64, stop: Stop) {
        let mut ticks =
            tokio::time::interval(Duration::from_secs_f64(1.0 / per_second.clamp(0.1, 1000.0)));
        let mut noise = tokio::time::interval(Duration::from_secs(1));
        noise.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let places = Arc::new(Semaphore::new(VISITS_MAX));
        let mut number = 0;
        loop {
            let purpose = tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => match spread(number) % 10 {
                    0..2 => Purpose::Browse,
                    2..5 => Purpose::Look,
                    _ => Purpose::Buy,
                },
                _ = noise.tick() => match self.faults.is_on(Fault::NoisyNeighbour) {
                    true => Purpose::Import,
                    false => continue,
                },
            };
            number += 1;
            match places.clone().try_acquire_owned() {
                Ok(place) => {
                    let shopper = self.clone();
                    tokio::spawn(async move {
                        shopper.visit(number, purpose).await;
                        drop(place);
                    });
                }
                Err(_) => {
                    let of = [KeyValue::new("visit.purpose", purpose.name())];
                    self.service.count("shop.visits.refused", "{visit}", &of, &Context::new());
                }
            }
        }
        // Those under way may end.
        let all = places.acquire_many(VISITS_MAX as u32);
        let _ = tokio::time::timeout(Duration::from_secs(3), all).await;
    }

    /// One visit: a trace of its own.
    async fn visit(self, number: u64, purpose: Purpose) {
        let customer = match purpose {
            Purpose::Import => "bulk-importer".to_owned(),
            _ => format!("customer-{}", spread(number) % 500),
        };
        let baggage = [
            KeyValue::new("customer.id", customer.clone()),
            KeyValue::new("session.id", format!("{:016x}", spread(number ^ 0x5eed))),
        ];
        let parent = Context::new().with_baggage(baggage);
        let attributes = vec![KeyValue::new("visit.purpose", purpose.name())];
        let name = format!("visit {}", purpose.name());
        let service = self.service.clone();
        let work = service.start(SpanKind::Internal, name, &parent, attributes);
        let context = work.context().clone();
        let visited = self.requests(number, purpose, &customer, &context);
        let visited = work.run(async move {
            let visited = tokio::time::timeout(VISIT_TIMEOUT, visited).await;
            let visited = visited.unwrap_or_else(|_| Err("the shop took too long".to_owned()));
            if let Err(error) = &visited {
                error!(error, "a visit failed");
            }
            visited
        });
        let visited = visited.await;
        let mut measured = vec![KeyValue::new("visit.purpose", purpose.name())];
        if let Err(error) = visited {
            work.fail("visit_failed", error);
            measured.push(KeyValue::new("error.type", "visit_failed"));
        }
        let elapsed = work.finish();
        service.measure("shop.visit.duration", elapsed, &measured, &context);
    }

    async fn requests(
        &self,
        number: u64,
        purpose: Purpose,
        customer: &str,
        context: &Context,
    ) -> Result<(), String> {
        let found = dns::look_up(&self.service, self.dns, NAME, context).await;
        let port = found.map_err(|error| error.to_string())?;
        let mut shop = self.connect(port, context).await?;
        let product = spread(number) % u64::from(PRODUCTS) + 1;
        let page = Call::new(Method::GET, format!("/api/products/{product}"));
        let item = json!({"customer": customer, "product": product});
        let calls = match purpose {
            Purpose::Browse => vec![Call::new(Method::GET, "/api/products")],
            Purpose::Look => vec![Call::new(Method::GET, "/api/products"), page],
            Purpose::Buy => vec![
                page,
                Call::new(Method::POST, "/api/cart/items").json(&item),
                Call::new(Method::POST, "/api/checkout").json(&json!({"customer": customer})),
            ],
            Purpose::Import => vec![page; NOISE as usize],
        };
        let key = gateway::KEYS[usize::from(matches!(purpose, Purpose::Import))].0;
        for call in calls {
            let answer = self.send(&mut shop, call, key, port, context).await?;
            if answer.status.is_server_error() {
                return Err(format!("the shop answered {}", answer.status));
            }
            if answer.status.is_client_error() {
                warn!(status = %answer.status, "the shop refused a request");
            }
        }
        Ok(())
    }

    async fn connect(
        &self,
        port: u16,
        context: &Context,
    ) -> Result<SendRequest<Full<Bytes>>, String> {
        let attributes = vec![
            KeyValue::new("server.address", HOST),
            KeyValue::new("server.port", i64::from(port)),
            KeyValue::new("network.transport", "tcp"),
        ];
        let work = self.service.start(SpanKind::Client, "connect", context, attributes);
        let connected = self.handshake(port).await;
        match &connected {
            Ok((_, version)) => work.set("tls.protocol.version", version.clone()),
            Err(error) if error.contains("expired") => {
                work.fail("certificate_expired", error.clone());
            }
            Err(error) => work.fail("connection_error", error.clone()),
        }
        work.finish();
        connected.map(|(sender, _)| sender)
    }

    async fn handshake(&self, port: u16) -> Result<(SendRequest<Full<Bytes>>, String), String> {
        let failed = |error: std::io::Error| error.to_string();
        let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let name = ServerName::try_from(HOST).map_err(|error| error.to_string())?;
        let stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await;
        let stream = stream.map_err(failed)?;
        let version = match stream.get_ref().1.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "1.3",
            _ => "1.2",
        };
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        // It ends with the visit, which drops the sender.
        tokio::spawn(connection);
        Ok((sender, version.to_owned()))
    }

    async fn send(
        &self,
        shop: &mut SendRequest<Full<Bytes>>,
        call: Call,
        key: &'static str,
        port: u16,
        context: &Context,
    ) -> Result<Answer, String> {
        let attributes = sent_attributes(&call, "cdn", port, "https");
        let name = call.method.to_string();
        let work = self.service.start(SpanKind::Client, name, context, attributes);
        let mut request = http::Request::new(Full::new(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.headers_mut() = call.headers.clone();
        request.headers_mut().insert(header::HOST, HeaderValue::from_static(HOST));
        request.headers_mut().insert(gateway::KEY_HEADER, HeaderValue::from_static(key));
        inject(work.context(), request.headers_mut());
        let answered = async {
            *request.uri_mut() = call.path.parse().map_err(|_| "no good path".to_owned())?;
            shop.ready().await.map_err(|error| error.to_string())?;
            read(shop.send_request(request).await.map_err(|error| error.to_string())?).await
        };
        let answer = answered.await;
        finish_call(&self.service, work, &call, "cdn", &answer);
        answer
    }
}
