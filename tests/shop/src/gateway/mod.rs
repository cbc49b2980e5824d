//! The API gateway: knows customers by their keys, holds each to its rate, and keeps failing services from being asked.

mod breaker;
mod limit;

use crate::grpc::Client;
use crate::http::instrumented;
use crate::messages::{
    AddRequest, CustomerRequest, Empty, Item, Items, OrderReply, OrderRequest, ProductRequest,
    Products,
};
use crate::telemetry::Service;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use breaker::Breaker;
use http::{HeaderValue, StatusCode, header};
use limit::Limits;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use prost::Message;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::{Code, Status};
use tracing::{info, warn};

/// The header with the API key.
pub const KEY_HEADER: &str = "x-api-key";
/// Keys, whose they are, and how many requests per second each instance takes of them.
pub const KEYS: [(&str, &str, f64); 3] = [
    ("web-key", "webshop", 200.0),
    ("bulk-key", "bulk-importer", 2.0),
    ("load-key", "load-test", 100_000.0),
];

#[derive(Debug, Clone)]
pub struct Gateway {
    pub service: Service,
    pub catalog: Upstream,
    pub cart: Upstream,
    pub orders: Upstream,
    limits: Arc<Limits>,
}

/// A service behind the gateway, with its circuit breaker.
#[derive(Debug, Clone)]
pub struct Upstream {
    service: Service,
    name: &'static str,
    client: Client,
    breaker: Arc<Breaker>,
}

impl Upstream {
    pub fn new(service: &Service, name: &'static str, client: Client) -> Upstream {
        Upstream { service: service.clone(), name, client, breaker: Arc::default() }
    }

    async fn call<Q, A>(&self, method: &'static str, request: Q) -> Result<A, Failed>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let of = [KeyValue::new("rpc.service", self.name)];
        if let Err(wait) = self.breaker.ask(Instant::now()) {
            warn!(upstream = self.name, "the circuit is open");
            self.service.count("gateway.circuit.refused", "{request}", &of, &Context::current());
            return Err(Failed::Open(wait));
        }
        let answer = self.client.call(method, request, &Context::current()).await;
        let has_failed = answer.as_ref().is_err_and(is_failure);
        self.breaker.tell(has_failed, Instant::now());
        let open = f64::from(u8::from(self.breaker.is_open(Instant::now())));
        self.service.gauge("gateway.circuit.open", "1", open, &of);
        answer.map_err(Failed::Refused)
    }
}

/// What says that the service is ill, rather than the request.
fn is_failure(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::Internal | Code::DeadlineExceeded | Code::Unknown
    )
}

#[derive(Debug)]
enum Failed {
    Open(Duration),
    Refused(Status),
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        match self {
            Failed::Open(wait) => {
                let message = "a service is not well".to_owned();
                later(StatusCode::SERVICE_UNAVAILABLE, message, wait)
            }
            Failed::Refused(status) => {
                let code = match status.code() {
                    Code::InvalidArgument => StatusCode::BAD_REQUEST,
                    Code::NotFound => StatusCode::NOT_FOUND,
                    Code::FailedPrecondition | Code::Aborted => StatusCode::CONFLICT,
                    Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
                    Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                    Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
                    _ => StatusCode::INTERNAL_SERVER_ERROR,
                };
                (code, Json(json!({ "error": status.message() }))).into_response()
            }
        }
    }
}

fn later(status: StatusCode, message: String, wait: Duration) -> Response {
    let mut response = (status, Json(json!({ "error": message }))).into_response();
    let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

impl Gateway {
    pub fn new(service: Service, catalog: Upstream, cart: Upstream, orders: Upstream) -> Gateway {
        Gateway { service, catalog, cart, orders, limits: Arc::new(Limits::new(Instant::now())) }
    }

    pub fn routes(self) -> Router {
        let service = self.service.clone();
        let api = Router::new()
            .route("/api/products", get(products))
            .route("/api/products/{id}", get(product))
            .route("/api/cart/items", post(add_to_cart))
            .route("/api/checkout", post(checkout))
            .route_layer(from_fn_with_state(self.clone(), admit));
        instrumented(api, &service).route("/healthz", get(|| async { "ok" })).with_state(self)
    }
}

/// Lets in who has a key and has not asked too much.
async fn admit(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let key = request.headers().get(KEY_HEADER).and_then(|value| value.to_str().ok());
    let Some(index) = KEYS.iter().position(|(known, _, _)| Some(*known) == key) else {
        let said = Json(json!({ "error": "this needs an API key, in X-API-Key" }));
        return (StatusCode::UNAUTHORIZED, said).into_response();
    };
    let name = KEYS[index].1;
    Context::current().span().set_attribute(KeyValue::new("api.client", name));
    if let Err(wait) = gateway.limits.take(index, Instant::now()) {
        warn!(client = name, "asks too much");
        let of = [KeyValue::new("client", name)];
        gateway.service.count("gateway.requests.limited", "{request}", &of, &Context::current());
        return later(StatusCode::TOO_MANY_REQUESTS, "too many requests".to_owned(), wait);
    }
    next.run(request).await
}

fn rendered(products: Products) -> Json<Value> {
    let products = products.products.into_iter();
    let all: Vec<Value> =
        products.map(|p| json!({"id": p.id, "name": p.name, "cents": p.cents})).collect();
    Json(json!({ "products": all }))
}

async fn products(State(gateway): State<Gateway>) -> Result<Response, Failed> {
    let products = gateway.catalog.call("shop.v1.Catalog/List", Empty {}).await?;
    let mut response = rendered(products).into_response();
    let public = HeaderValue::from_static("public, max-age=5");
    response.headers_mut().insert(header::CACHE_CONTROL, public);
    Ok(response)
}

async fn product(
    State(gateway): State<Gateway>,
    Path(id): Path<u32>,
) -> Result<Json<Value>, Failed> {
    let page = gateway.catalog.call("shop.v1.Catalog/Page", ProductRequest { id }).await?;
    Ok(rendered(page))
}

fn text(body: &Value, name: &str) -> String {
    body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

async fn add_to_cart(
    State(gateway): State<Gateway>,
    Json(body): Json<Value>,
) -> Result<StatusCode, Failed> {
    let product = body.get("product").and_then(Value::as_u64).unwrap_or(0);
    let Ok(product @ 1..) = u32::try_from(product) else {
        return Err(Failed::Refused(Status::invalid_argument("which product?")));
    };
    let item = Some(Item { product, quantity: 1 });
    let request = AddRequest { customer: text(&body, "customer"), item };
    let Empty {} = gateway.cart.call("shop.v1.Cart/Add", request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn checkout(
    State(gateway): State<Gateway>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Failed> {
    let customer = text(&body, "customer");
    let request = CustomerRequest { customer: customer.clone() };
    let items: Items = gateway.cart.call("shop.v1.Cart/Take", request).await?;
    let request = OrderRequest { customer, items: items.items };
    let reply: OrderReply = gateway.orders.call("shop.v1.Orders/Place", request).await?;
    info!(order.id = reply.order, cents = reply.cents, "sold");
    Ok(Json(json!({"order": reply.order, "cents": reply.cents})))
}
