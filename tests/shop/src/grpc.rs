//! gRPC between services, instrumented on both sides. Messages are written by hand, so that no compiler of protocols is
//! needed to build.

use crate::http::address;
use crate::telemetry::{Service, extract, inject};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::{MethodRouter, post};
use http::HeaderMap;
use http::uri::PathAndQuery;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};
use prost::Message;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

/// Calls are given up after this.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A method by its full name, `shop.v1.Orders/Place`.
pub type Method = &'static str;

/// A service's methods, one after the other.
#[derive(Debug)]
pub struct Methods {
    service: Service,
    routes: Router,
}

impl Methods {
    pub fn new(service: &Service) -> Methods {
        Methods { service: service.clone(), routes: Router::new() }
    }

    /// Answers `method` by `handler`.
    pub fn on<Q, A, F, H>(mut self, method: Method, handler: H) -> Methods
    where
        Q: Message + Default + Send + 'static,
        A: Message + Send + 'static,
        F: Future<Output = Result<A, Status>> + Send + 'static,
        H: Fn(Q, Context) -> F + Clone + Send + Sync + 'static,
    {
        let route = unary(self.service.clone(), method, handler);
        self.routes = self.routes.route(&format!("/{method}"), route);
        self
    }

    pub fn routes(self) -> Router {
        self.routes
    }
}

fn unary<Q, A, F, H>(service: Service, method: Method, handler: H) -> MethodRouter
where
    Q: Message + Default + Send + 'static,
    A: Message + Send + 'static,
    F: Future<Output = Result<A, Status>> + Send + 'static,
    H: Fn(Q, Context) -> F + Clone + Send + Sync + 'static,
{
    post(move |request: Request| {
        let (service, handler) = (service.clone(), handler.clone());
        async move {
            let parent = extract(request.headers());
            let answering = tower::service_fn(move |request: tonic::Request<Q>| {
                serve_one(service.clone(), method, request, parent.clone(), handler.clone())
            });
            let codec = ProstCodec::<A, Q>::default();
            tonic::server::Grpc::new(codec).unary(answering, request).await.map(Body::new)
        }
    })
}

async fn serve_one<Q, A, F, H>(
    service: Service,
    method: Method,
    request: tonic::Request<Q>,
    parent: Context,
    handler: H,
) -> Result<tonic::Response<A>, Status>
where
    F: Future<Output = Result<A, Status>>,
    H: Fn(Q, Context) -> F,
{
    let mut attributes = attributes(method);
    attributes.push(KeyValue::new("server.address", address(service.name())));
    let work = service.start(SpanKind::Server, method, &parent, attributes);
    let handled = handler(request.into_inner(), work.context().clone());
    let answer = work.run(handled).await;
    let code = answer.as_ref().map_or_else(Status::code, |_| Code::Ok);
    // The conventions: these are the server's own failures.
    let is_failure = matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    );
    finish(&service, work, method, &answer, is_failure, "rpc.server.call.duration");
    answer.map(tonic::Response::new)
}

/// Calls the methods of one service.
#[derive(Debug, Clone)]
pub struct Client {
    service: Service,
    peer: &'static str,
    port: u16,
    channel: Channel,
}

impl Client {
    /// Connects to `peer` when it is first called.
    pub fn new(service: &Service, peer: &'static str, to: SocketAddr) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{to}"));
        let endpoint = endpoint.expect("an address makes a good URL").timeout(CALL_TIMEOUT);
        let channel = endpoint.tcp_nodelay(true).connect_lazy();
        Client { service: service.clone(), peer, port: to.port(), channel }
    }

    pub async fn call<Q, A>(
        &self,
        method: Method,
        request: Q,
        parent: &Context,
    ) -> Result<A, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut attributes = attributes(method);
        attributes.push(KeyValue::new("server.address", address(self.peer)));
        attributes.push(KeyValue::new("server.port", i64::from(self.port)));
        let work = self.service.start(SpanKind::Client, method, parent, attributes);
        let answer = self.send(method, request, work.context()).await;
        let is_failure = answer.is_err();
        finish(&self.service, work, method, &answer, is_failure, "rpc.client.call.duration");
        answer
    }

    async fn send<Q, A>(&self, method: Method, request: Q, context: &Context) -> Result<A, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut headers = HeaderMap::new();
        inject(context, &mut headers);
        let mut request = tonic::Request::new(request);
        *request.metadata_mut() = MetadataMap::from_headers(headers);
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::try_from(format!("/{method}"))
            .map_err(|error| Status::internal(error.to_string()))?;
        let answer = client.unary(request, path, ProstCodec::<Q, A>::default()).await?;
        Ok(answer.into_inner())
    }
}

fn attributes(method: Method) -> Vec<KeyValue> {
    vec![KeyValue::new("rpc.system.name", "grpc"), KeyValue::new("rpc.method", method)]
}

fn finish<A>(
    service: &Service,
    work: crate::telemetry::Work,
    method: Method,
    answer: &Result<A, Status>,
    is_failure: bool,
    metric: &'static str,
) {
    let code = answer.as_ref().map_or_else(|status| name(status.code()), |_| "OK");
    work.set("rpc.response.status_code", code);
    let mut measured = attributes(method);
    measured.push(KeyValue::new("rpc.response.status_code", code));
    if let (true, Err(status)) = (is_failure, answer) {
        work.fail(code, status.message());
        measured.push(KeyValue::new("error.type", code));
    }
    let context = work.context().clone();
    let elapsed = work.finish();
    service.measure(metric, elapsed, &measured, &context);
}

fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
