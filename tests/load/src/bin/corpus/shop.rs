//! The shop: its services, their resources, and how they write spans and logs.

use crate::rng::Rng;
use opentelemetry_proto::tonic::common::v1::{
    any_value::Value, AnyValue, InstrumentationScope, KeyValue,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{span::Event, Span, Status};

pub struct Svc {
    pub name: &'static str,
    pub pods: usize,
    pub version: &'static str,
    pub lang: &'static str,
    pub scope: &'static str,
}
pub const EDGE: usize = 0;
pub const LB: usize = 1;
pub const GW: usize = 2;
pub const CATALOG: usize = 3;
pub const CART: usize = 4;
pub const ORDERS: usize = 5;
pub const PAYMENT: usize = 6;
pub const FULFIL: usize = 7;
pub const SVCS: [Svc; 8] = [
    Svc { name: "edge-cdn", pods: 4, version: "2.14.0", lang: "cpp", scope: "envoy.tracers.otlp" },
    Svc {
        name: "load-balancer",
        pods: 2,
        version: "1.29.3",
        lang: "cpp",
        scope: "envoy.tracers.otlp",
    },
    Svc {
        name: "api-gateway",
        pods: 4,
        version: "5.3.1",
        lang: "go",
        scope: "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
    },
    Svc {
        name: "catalog",
        pods: 6,
        version: "3.8.2",
        lang: "java",
        scope: "io.opentelemetry.spring-webmvc-6.0",
    },
    Svc {
        name: "cart",
        pods: 4,
        version: "1.22.0",
        lang: "nodejs",
        scope: "@opentelemetry/instrumentation-http",
    },
    Svc {
        name: "orders",
        pods: 4,
        version: "7.1.4",
        lang: "java",
        scope: "io.opentelemetry.spring-webmvc-6.0",
    },
    Svc {
        name: "payment",
        pods: 3,
        version: "2.6.9",
        lang: "rust",
        scope: "tracing-opentelemetry",
    },
    Svc {
        name: "fulfilment",
        pods: 3,
        version: "1.4.0",
        lang: "python",
        scope: "opentelemetry.instrumentation.kafka",
    },
];
pub const REGIONS: [&str; 3] = ["eu-west-1", "eu-central-1", "us-east-1"];
pub const WORDS: [&str; 96] = [
    "linen",
    "shirt",
    "blue",
    "running",
    "shoes",
    "kettle",
    "copper",
    "lamp",
    "oak",
    "table",
    "winter",
    "jacket",
    "waterproof",
    "headphones",
    "wireless",
    "keyboard",
    "mechanical",
    "mouse",
    "bottle",
    "steel",
    "backpack",
    "travel",
    "garden",
    "hose",
    "drill",
    "cordless",
    "paint",
    "brush",
    "ceramic",
    "mug",
    "espresso",
    "grinder",
    "tent",
    "camping",
    "stove",
    "rope",
    "climbing",
    "harness",
    "bicycle",
    "helmet",
    "gloves",
    "leather",
    "wallet",
    "belt",
    "watch",
    "strap",
    "silk",
    "scarf",
    "wool",
    "socks",
    "cotton",
    "towel",
    "bath",
    "mat",
    "candle",
    "vanilla",
    "soap",
    "olive",
    "oil",
    "pepper",
    "mill",
    "cast",
    "iron",
    "skillet",
    "knife",
    "sharpener",
    "board",
    "walnut",
    "shelf",
    "bracket",
    "mirror",
    "frame",
    "poster",
    "print",
    "notebook",
    "fountain",
    "pen",
    "ink",
    "eraser",
    "ruler",
    "compass",
    "telescope",
    "binoculars",
    "camera",
    "lens",
    "tripod",
    "battery",
    "charger",
    "cable",
    "adapter",
    "speaker",
    "turntable",
    "vinyl",
    "record",
    "guitar",
    "strings",
];
pub const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "ShopApp/8.2.1 (Android 14; Pixel 8)",
    "ShopApp/8.1.7 (iOS 17.4; iPhone14,5)",
];
pub const METHODS: [&str; 4] = ["card", "paypal", "klarna", "giftcard"];
/// rare word: in about one log body in 20 000
pub const RARE: &str = "brownout";
pub const COMMON: &str = "completed";

pub fn s(v: impl Into<String>) -> Value {
    Value::StringValue(v.into())
}
pub fn i(v: i64) -> Value {
    Value::IntValue(v)
}
pub fn kv(k: &str, v: Value) -> KeyValue {
    KeyValue { key: k.to_string(), value: Some(AnyValue { value: Some(v) }), ..Default::default() }
}

pub struct Sp {
    pub svc: u8,
    pub pod: u8,
    pub sp: Span,
}
pub struct Lg {
    pub svc: u8,
    pub pod: u8,
    pub lg: LogRecord,
}

pub struct Gen {
    pub r: Rng,
    pub spans: Vec<Sp>,
    pub logs: Vec<Lg>,
    pub tid: [u8; 16],
    pub user: String,
    pub state: String,
    pub pods: [u8; 8],
    pub slow: f64,
}

impl Gen {
    pub fn begin(
        &mut self,
        parent: Option<usize>,
        svc: usize,
        name: impl Into<String>,
        kind: i32,
        t: u64,
    ) -> usize {
        let id = self.r.u64().to_be_bytes();
        self.spans.push(Sp {
            svc: svc as u8,
            pod: self.pods[svc],
            sp: Span {
                trace_id: self.tid.to_vec(),
                span_id: id.to_vec(),
                trace_state: self.state.clone(),
                parent_span_id: parent
                    .map(|p| self.spans[p].sp.span_id.clone())
                    .unwrap_or_default(),
                flags: 0x101,
                name: name.into(),
                kind,
                start_time_unix_nano: t,
                ..Default::default()
            },
        });
        self.spans.len() - 1
    }
    pub fn a(&mut self, sp: usize, k: &str, v: Value) {
        self.spans[sp].sp.attributes.push(kv(k, v));
    }
    pub fn end(&mut self, sp: usize, t: u64) -> u64 {
        self.spans[sp].sp.end_time_unix_nano = t;
        t
    }
    pub fn fail(&mut self, sp: usize, t: u64, msg: &str, exc: Option<(&str, &str)>) {
        let x = &mut self.spans[sp].sp;
        x.status = Some(Status { code: 2, message: msg.into() });
        if let Some((ty, st)) = exc {
            x.events.push(Event {
                time_unix_nano: t,
                name: "exception".into(),
                attributes: vec![
                    kv("exception.type", s(ty)),
                    kv("exception.message", s(msg)),
                    kv("exception.stacktrace", s(st)),
                ],
                dropped_attributes_count: 0,
            });
            x.attributes.push(kv("error.type", s(ty)));
        }
    }
    pub fn w(&mut self, med_ms: f64, sigma: f64) -> u64 {
        let slow = self.slow;
        (self.r.ln_ns(med_ms, sigma) as f64 * slow) as u64
    }
    pub fn net(&mut self) -> u64 {
        self.r.ln_ns(0.25, 0.4)
    }
    pub fn log(&mut self, sp: usize, t: u64, sev: i32, body: String, mut attrs: Vec<KeyValue>) {
        let x = &self.spans[sp];
        attrs.push(kv("user.id", s(self.user.clone())));
        let lang = SVCS[x.svc as usize].lang;
        attrs.push(kv(
            "code.function.name",
            s(format!("{}.handler.{}", SVCS[x.svc as usize].name, lang)),
        ));
        self.logs.push(Lg {
            svc: x.svc,
            pod: x.pod,
            lg: LogRecord {
                time_unix_nano: t,
                observed_time_unix_nano: t + 150_000,
                severity_number: sev,
                severity_text: match sev {
                    5 => "DEBUG",
                    9 => "INFO",
                    13 => "WARN",
                    _ => "ERROR",
                }
                .into(),
                body: Some(AnyValue { value: Some(s(body)) }),
                attributes: attrs,
                dropped_attributes_count: 0,
                flags: 1,
                trace_id: x.sp.trace_id.clone(),
                span_id: x.sp.span_id.clone(),
                event_name: String::new(),
            },
        });
    }
    pub fn redis(
        &mut self,
        parent: usize,
        svc: usize,
        t: u64,
        cmd: &str,
        key: &str,
    ) -> (usize, u64) {
        let sp = self.begin(Some(parent), svc, cmd, 3, t);
        self.a(sp, "db.system.name", s("redis"));
        self.a(sp, "db.operation.name", s(cmd));
        self.a(sp, "db.namespace", s("0"));
        self.a(sp, "db.query.text", s(format!("{cmd} {key}")));
        self.a(sp, "server.address", s(format!("redis-{}.cache.svc.cluster.local", svc % 3)));
        self.a(sp, "server.port", i(6379));
        self.a(sp, "network.peer.address", s(format!("10.12.{}.{}", svc, 20 + self.pods[svc])));
        let d = self.w(0.45, 0.45);
        (sp, self.end(sp, t + d))
    }
    #[allow(clippy::too_many_arguments)]
    pub fn pg(
        &mut self,
        parent: usize,
        svc: usize,
        t: u64,
        op: &str,
        table: &str,
        sql: &str,
        med: f64,
        rows: i64,
    ) -> (usize, u64) {
        let sp = self.begin(Some(parent), svc, format!("{op} shop.{table}"), 3, t);
        self.a(sp, "db.system.name", s("postgresql"));
        self.a(sp, "db.namespace", s("shop"));
        self.a(sp, "db.operation.name", s(op));
        self.a(sp, "db.collection.name", s(table));
        self.a(sp, "db.query.text", s(sql));
        self.a(sp, "db.response.returned_rows", i(rows));
        self.a(
            sp,
            "server.address",
            s(if op == "SELECT" {
                "pg-replica.db.svc.cluster.local"
            } else {
                "pg-primary.db.svc.cluster.local"
            }),
        );
        self.a(sp, "server.port", i(5432));
        self.a(sp, "thread.id", i(self.r.0[0] as i64 & 63));
        let d = self.w(med, 0.7);
        (sp, self.end(sp, t + d))
    }
    pub fn http_attrs(
        &mut self,
        sp: usize,
        method: &str,
        route: Option<&str>,
        path: &str,
        host: &str,
        port: i64,
        status: i64,
    ) {
        self.a(sp, "http.request.method", s(method));
        if let Some(r) = route {
            self.a(sp, "http.route", s(r));
        }
        self.a(sp, "url.path", s(path));
        self.a(sp, "url.scheme", s("http"));
        self.a(sp, "server.address", s(host));
        self.a(sp, "server.port", i(port));
        self.a(sp, "network.protocol.version", s("1.1"));
        self.a(sp, "http.response.status_code", i(status));
        if status >= 500 {
            self.spans[sp].sp.status = Some(Status { code: 2, message: String::new() });
            self.a(sp, "error.type", s(status.to_string()));
        }
    }
}

pub fn resource(svc: usize, pod: usize) -> Resource {
    let v = &SVCS[svc];
    let h = |x: u64| x.wrapping_mul(0x9E3779B97F4A7C15).rotate_left(31);
    let id = h((svc * 31 + pod + 1) as u64);
    let mut a = vec![
        kv("service.name", s(v.name)),
        kv("service.namespace", s("shop")),
        kv("service.version", s(v.version)),
        kv(
            "service.instance.id",
            s(format!(
                "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                id as u32,
                (id >> 32) & 0xffff,
                (id >> 48) & 0xfff,
                id & 0xfff,
                h(id) & 0xffff_ffff_ffff
            )),
        ),
        kv("deployment.environment.name", s("production")),
        kv("telemetry.sdk.name", s("opentelemetry")),
        kv("telemetry.sdk.language", s(v.lang)),
        kv("telemetry.sdk.version", s("1.36.0")),
        kv("k8s.namespace.name", s("shop")),
        kv("k8s.deployment.name", s(v.name)),
        kv(
            "k8s.pod.name",
            s(format!("{}-{:08x}-{:05x}", v.name, h(svc as u64 + 7) as u32, id & 0xfffff)),
        ),
        kv("k8s.pod.uid", s(format!("{:016x}{:016x}", id, h(id)))),
        kv("k8s.node.name", s(format!("ip-10-0-{}-{}.eu-west-1.compute.internal", svc, 10 + pod))),
        kv("cloud.provider", s("aws")),
        kv("cloud.region", s("eu-west-1")),
        kv("host.arch", s("amd64")),
    ];
    if v.lang == "java" {
        a.push(kv("process.runtime.name", s("OpenJDK Runtime Environment")));
        a.push(kv("process.runtime.version", s("21.0.4+7-LTS")));
    }
    Resource { attributes: a, ..Default::default() }
}
pub fn scope(svc: usize) -> InstrumentationScope {
    InstrumentationScope {
        name: SVCS[svc].scope.into(),
        version: "0.61.0".into(),
        ..Default::default()
    }
}
