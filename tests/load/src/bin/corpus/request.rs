//! One request's way through the shop.

use crate::shop::{
    i, kv, s, Gen, AGENTS, CART, CATALOG, COMMON, EDGE, FULFIL, GW, LB, METHODS, ORDERS, PAYMENT,
    RARE, REGIONS, SVCS, WORDS,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::Link;

pub const STACK_PG: &str = "org.postgresql.util.PSQLException: ERROR: deadlock detected\n\tat org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:2733)\n\tat org.postgresql.core.v3.QueryExecutorImpl.processResults(QueryExecutorImpl.java:2420)\n\tat org.postgresql.core.v3.QueryExecutorImpl.execute(QueryExecutorImpl.java:372)\n\tat org.postgresql.jdbc.PgStatement.executeInternal(PgStatement.java:517)\n\tat com.zaxxer.hikari.pool.ProxyPreparedStatement.executeUpdate(ProxyPreparedStatement.java:61)\n\tat shop.orders.OrderRepository.insert(OrderRepository.java:118)\n\tat shop.orders.OrderService.place(OrderService.java:74)";
pub const STACK_PSP: &str = "payment::psp::Error: upstream timed out after 5000ms\n   0: payment::psp::client::authorize\n             at src/psp/client.rs:212\n   1: payment::service::charge\n             at src/service.rs:88\n   2: payment::http::post_charges\n             at src/http.rs:51\n   3: axum::handler::call";

/// One request through the shop: returns nothing, fills spans and logs.
pub fn trace(g: &mut Gen, t0: u64) {
    let hi = g.r.u64();
    let lo = g.r.u64();
    g.tid[..8].copy_from_slice(&hi.to_be_bytes());
    g.tid[8..].copy_from_slice(&lo.to_be_bytes());
    g.user = format!("u-{:06}", g.r.skew(200_000));
    g.state = if g.r.p(0.02) { "edge=p:9;r:62".into() } else { String::new() };
    for k in 0..8 {
        g.pods[k] = g.r.below(SVCS[k].pods) as u8;
    }
    g.slow = if g.r.p(0.004) { 8.0 + 40.0 * g.r.f() } else { 1.0 };
    let kind = g.r.f();
    let err = g.r.p(0.01);
    let prod = g.r.skew(50_000);
    // 0 product page, 1 search, 2 cart add, 3 place order
    let flow = if kind < 0.40 {
        0
    } else if kind < 0.60 {
        1
    } else if kind < 0.80 {
        2
    } else {
        3
    };
    let (method, route, path, svc) = match flow {
        0 => ("GET", "/api/products/{id}", format!("/api/products/{prod}"), CATALOG),
        1 => ("GET", "/api/search", "/api/search".to_string(), CATALOG),
        2 => ("POST", "/api/cart/{user}/items", format!("/api/cart/{}/items", g.user), CART),
        _ => ("POST", "/api/orders", "/api/orders".to_string(), ORDERS),
    };
    let status: i64 = if err {
        if flow == 3 {
            if g.r.p(0.5) {
                504
            } else {
                500
            }
        } else {
            if g.r.p(0.7) {
                500
            } else {
                503
            }
        }
    } else if method == "POST" {
        201
    } else {
        200
    };
    let region = REGIONS[g.r.skew(3).min(2)];
    let agent = AGENTS[g.r.skew(6).min(5)];
    let ip = format!(
        "{}.{}.{}.{}",
        11 + g.r.below(180),
        g.r.below(256),
        g.r.below(256),
        1 + g.r.below(254)
    );

    let edge = g.begin(None, EDGE, format!("{method} {route}"), 2, t0);
    g.a(edge, "user_agent.original", s(agent));
    g.a(edge, "client.address", s(ip.clone()));
    g.a(edge, "cloud.region", s(region));
    g.a(edge, "tls.protocol.version", s("1.3"));
    let reval = flow < 2 && g.r.p(0.1);
    g.a(edge, "cdn.cache.status", s(if reval { "REVALIDATED" } else { "MISS" }));
    g.http_attrs(edge, method, Some(route), &path, "www.shop.example", 443, status);
    let mut t = t0 + g.net() * 2;
    let lb = g.begin(Some(edge), LB, "ingress", 2, t);
    let up = format!("api-gateway-{}", g.pods[GW]);
    g.a(lb, "upstream.cluster.name", s("api-gateway"));
    g.a(lb, "upstream.host", s(up));
    g.a(lb, "guid:x-request-id", s(format!("{:016x}-{:016x}", hi ^ lo, lo)));
    g.http_attrs(lb, method, None, &path, "api.shop.example", 443, status);
    t += g.net();
    let gw = g.begin(Some(lb), GW, format!("{method} {route}"), 2, t);
    g.a(gw, "client.address", s(ip.clone()));
    g.a(gw, "user.id", s(g.user.clone()));
    g.http_attrs(gw, method, Some(route), &path, "api-gateway", 8080, status);
    t += g.w(0.05, 0.3);
    let au = g.begin(Some(gw), GW, "auth.verify_token", 1, t);
    g.a(au, "auth.method", s("jwt"));
    g.a(au, "auth.issuer", s("https://id.shop.example"));
    g.a(au, "user.id", s(g.user.clone()));
    t += g.w(0.3, 0.5);
    g.end(au, t);
    let rl = g.begin(Some(gw), GW, "ratelimit.check", 1, t);
    g.a(rl, "ratelimit.policy", s("per-user"));
    let remain = g.r.below(1000) as i64;
    g.a(rl, "ratelimit.remaining", i(remain));
    let key = format!("rl:{}:{}", g.user, t0 / 60_000_000_000);
    let (_, te) = g.redis(rl, GW, t + 20_000, "EVALSHA", &key);
    t = te + 20_000;
    g.end(rl, t);
    let cl = g.begin(Some(gw), GW, format!("{method}"), 3, t);
    g.a(cl, "url.full", s(format!("http://{}:8080{}", SVCS[svc].name, path)));
    g.http_attrs(cl, method, None, &path, SVCS[svc].name, 8080, status);
    t += g.net();
    let sv = g.begin(Some(cl), svc, format!("{method} {route}"), 2, t);
    g.a(sv, "user.id", s(g.user.clone()));
    g.a(sv, "client.address", s(format!("10.8.{}.{}", g.pods[GW], 17)));
    g.a(sv, "thread.name", s(format!("http-nio-8080-exec-{}", 1 + (lo % 40))));
    g.http_attrs(sv, method, Some(route), &path, SVCS[svc].name, 8080, status);
    t += g.w(0.2, 0.5);

    match flow {
        0 => {
            g.a(sv, "app.product.id", i(prod as i64));
            let key = format!("product:{prod}:v3");
            let hit = g.r.p(0.7) && !err;
            let (rd, te) = g.redis(sv, svc, t, "GET", &key);
            g.a(rd, "cache.hit", Value::BoolValue(hit));
            t = te;
            if hit {
                let ms = (te - g.spans[rd].sp.start_time_unix_nano) as f64 / 1e6;
                g.log(
                    sv,
                    t,
                    5,
                    format!("cache hit for key {key} in {ms:.2} ms"),
                    vec![kv("cache.key", s(key.clone()))],
                );
            } else {
                g.log(
                    sv,
                    t,
                    13,
                    format!("cache miss for key {key}, falling back to database"),
                    vec![kv("cache.key", s(key.clone()))],
                );
                let (q, te) = g.pg(sv, svc, t, "SELECT", "products", "SELECT id, title, description, price_cents, currency, stock FROM products WHERE id = $1 AND deleted_at IS NULL", 2.2, 1);
                t = te;
                if err {
                    g.fail(
                        q,
                        t,
                        "canceling statement due to statement timeout",
                        Some(("org.postgresql.util.PSQLException", STACK_PG)),
                    );
                    g.log(sv, t, 17, format!("failed to load product {prod}: canceling statement due to statement timeout"), vec![kv("exception.type", s("org.postgresql.util.PSQLException")), kv("exception.stacktrace", s(STACK_PG))]);
                } else {
                    let (_, te) = g.redis(sv, svc, t, "SETEX", &key);
                    t = te;
                }
            }
            let pr = g.begin(Some(sv), svc, "pricing.apply_rules", 1, t);
            let nr = g.r.below(9) as i64;
            g.a(pr, "app.pricing.rules_evaluated", i(nr));
            t += g.w(0.8, 0.6);
            g.end(pr, t);
            let st = g.begin(Some(sv), svc, "inventory.peek", 1, t);
            let (_, te) = g.redis(st, svc, t + 10_000, "HGET", &format!("stock:{}", prod % 512));
            t = te + 10_000;
            g.end(st, t);
            let tp = g.begin(Some(sv), svc, "render.json", 1, t);
            t += g.w(0.4, 0.4);
            g.end(tp, t);
        }
        1 => {
            let n = 1 + g.r.below(4);
            let mut q = String::new();
            for k in 0..n {
                if k > 0 {
                    q.push(' ')
                }
                q.push_str(WORDS[g.r.skew(96)]);
            }
            let page = 1 + g.r.skew(20);
            g.a(sv, "url.query", s(format!("q={}&page={page}", q.replace(' ', "+"))));
            g.a(sv, "app.search.query", s(q.clone()));
            let (_, te) = g.redis(sv, svc, t, "GET", &format!("search:{:08x}", hi as u32));
            t = te;
            let pa = g.begin(Some(sv), svc, "search.parse", 1, t);
            g.a(pa, "app.search.terms", i(n as i64));
            t += g.w(0.1, 0.4);
            g.end(pa, t);
            let hits = g.r.skew(900) as i64;
            let (d, te) = g.pg(sv, svc, t, "SELECT", "product_search", "SELECT product_id, ts_rank(document, query) AS rank FROM product_search, plainto_tsquery('english', $1) query WHERE document @@ query ORDER BY rank DESC LIMIT 200", 9.0, hits.min(200));
            t = te;
            if err {
                g.fail(
                    d,
                    t,
                    "remaining connection slots are reserved",
                    Some(("org.postgresql.util.PSQLException", STACK_PG)),
                );
                g.log(sv, t, 17, format!("search \"{q}\" failed: remaining connection slots are reserved for roles with the SUPERUSER attribute"), vec![kv("exception.type", s("org.postgresql.util.PSQLException")), kv("exception.stacktrace", s(STACK_PG))]);
            } else {
                let (_, te) = g.pg(sv, svc, t, "SELECT", "products", "SELECT id, title, price_cents, currency, thumbnail FROM products WHERE id = ANY($1)", 3.0, hits.min(40));
                t = te;
            }
            let rk = g.begin(Some(sv), svc, "search.rank", 1, t);
            g.a(rk, "app.search.hits", i(hits));
            g.a(rk, "app.search.model", s("ltr-2024-05"));
            t += g.w(2.5, 0.6);
            g.end(rk, t);
            let ms = (t - g.spans[sv].sp.start_time_unix_nano) / 1_000_000;
            g.log(
                sv,
                t,
                9,
                format!("search for \"{q}\" returned {hits} products in {ms} ms"),
                vec![kv("app.search.query", s(q)), kv("app.search.hits", i(hits))],
            );
        }
        2 => {
            let qty = 1 + g.r.skew(5) as i64;
            g.a(sv, "app.product.id", i(prod as i64));
            g.a(sv, "app.cart.quantity", i(qty));
            let (_, te) = g.redis(sv, svc, t, "HGETALL", &format!("cart:{}", g.user.clone()));
            t = te;
            let vl = g.begin(Some(sv), svc, "cart.validate", 1, t);
            t += g.w(0.3, 0.4);
            g.end(vl, t);
            // price check against catalog
            let cl2 = g.begin(Some(sv), svc, "GET", 3, t);
            let pp = format!("/internal/price/{prod}");
            g.http_attrs(cl2, "GET", None, &pp, "catalog", 8080, 200);
            t += g.net();
            let sv2 = g.begin(Some(cl2), CATALOG, "GET /internal/price/{id}", 2, t);
            g.http_attrs(sv2, "GET", Some("/internal/price/{id}"), &pp, "catalog", 8080, 200);
            let (_, te) = g.redis(sv2, CATALOG, t + 50_000, "GET", &format!("price:{prod}"));
            t = te + 40_000;
            g.end(sv2, t);
            t += g.net();
            g.end(cl2, t);
            let (h, te) = g.redis(sv, svc, t, "HSET", &format!("cart:{}", g.user.clone()));
            t = te;
            if err {
                g.fail(h, t, "OOM command not allowed when used memory > 'maxmemory'", Some(("ReplyError", "ReplyError: OOM command not allowed when used memory > 'maxmemory'.\n    at parseError (/app/node_modules/redis-parser/lib/parser.js:179:12)\n    at parseType (/app/node_modules/redis-parser/lib/parser.js:302:14)")));
                let u = g.user.clone();
                g.log(sv, t, 17, format!("could not store cart of {u}: OOM command not allowed when used memory > 'maxmemory'"), vec![kv("exception.type", s("ReplyError"))]);
            } else {
                let u = g.user.clone();
                let w1 = WORDS[g.r.below(96)];
                let w2 = WORDS[g.r.below(96)];
                g.log(
                    sv,
                    t,
                    9,
                    format!("added {qty} x \"{w1} {w2}\" (product {prod}) to cart of {u}"),
                    vec![kv("app.product.id", i(prod as i64)), kv("app.cart.quantity", i(qty))],
                );
            }
        }
        _ => {
            let order = format!("o-{:012x}", hi & 0xffff_ffff_ffff);
            let cents = 500 + g.r.ln_ns(0.0045, 0.8) as i64;
            let pm = METHODS[g.r.skew(4).min(3)];
            g.a(sv, "app.order.id", s(order.clone()));
            g.a(sv, "app.order.total_cents", i(cents));
            let c2 = g.begin(Some(sv), svc, "GET", 3, t);
            let cp = format!("/internal/cart/{}", g.user);
            g.http_attrs(c2, "GET", None, &cp, "cart", 8080, 200);
            t += g.net();
            let s2 = g.begin(Some(c2), CART, "GET /internal/cart/{user}", 2, t);
            g.http_attrs(s2, "GET", Some("/internal/cart/{user}"), &cp, "cart", 8080, 200);
            let (_, te) =
                g.redis(s2, CART, t + 60_000, "HGETALL", &format!("cart:{}", g.user.clone()));
            t = te + 50_000;
            g.end(s2, t);
            t += g.net();
            g.end(c2, t);
            // payment
            let c3 = g.begin(Some(sv), svc, "POST", 3, t);
            let perr = err && status == 504;
            let pst = if perr { 504 } else { 201 };
            g.http_attrs(c3, "POST", None, "/charges", "payment", 8080, pst);
            t += g.net();
            let s3 = g.begin(Some(c3), PAYMENT, "POST /charges", 2, t);
            g.a(s3, "app.payment.method", s(pm));
            g.a(s3, "app.payment.amount_cents", i(cents));
            g.a(s3, "app.order.id", s(order.clone()));
            g.http_attrs(s3, "POST", Some("/charges"), "/charges", "payment", 8080, pst);
            t += g.w(0.3, 0.4);
            let c4 = g.begin(Some(s3), PAYMENT, "POST", 3, t);
            g.a(c4, "url.full", s("https://api.psp.example/v1/authorizations"));
            g.a(c4, "app.payment.method", s(pm));
            g.http_attrs(
                c4,
                "POST",
                None,
                "/v1/authorizations",
                "api.psp.example",
                443,
                if perr { 504 } else { 200 },
            );
            t += if perr { 5_000_000_000 } else { g.w(85.0, 0.5) };
            g.end(c4, t);
            if perr {
                g.fail(
                    c4,
                    t,
                    "upstream timed out after 5000ms",
                    Some(("payment::psp::Error", STACK_PSP)),
                );
                g.log(s3, t, 17, format!("charge for order {order} failed: upstream api.psp.example timed out after 5000ms"), vec![kv("exception.type", s("payment::psp::Error")), kv("exception.stacktrace", s(STACK_PSP)), kv("app.order.id", s(order.clone()))]);
            } else {
                let (_, te) = g.pg(s3, PAYMENT, t, "INSERT", "charges", "INSERT INTO charges (id, order_id, amount_cents, currency, method, psp_ref, status) VALUES ($1,$2,$3,$4,$5,$6,$7)", 1.8, 1);
                t = te;
                let psp = hi ^ 0x5bd1_e995;
                g.log(
                    s3,
                    t,
                    9,
                    format!(
                        "charged {}.{:02} EUR via {pm} for order {order}, psp reference {psp:016x}",
                        cents / 100,
                        cents % 100
                    ),
                    vec![
                        kv("app.payment.method", s(pm)),
                        kv("app.order.id", s(order.clone())),
                        kv("app.payment.amount_cents", i(cents)),
                    ],
                );
            }
            g.end(s3, t);
            t += g.net();
            g.end(c3, t);
            if !perr {
                let (q, te) = g.pg(sv, svc, t, "INSERT", "orders", "INSERT INTO orders (id, user_id, total_cents, currency, charge_id, status, created_at) VALUES ($1,$2,$3,$4,$5,$6,now()) RETURNING id", 3.5, 1);
                t = te;
                if err {
                    g.fail(
                        q,
                        t,
                        "ERROR: deadlock detected",
                        Some(("org.postgresql.util.PSQLException", STACK_PG)),
                    );
                    g.log(sv, t, 17, format!("order {order} could not be stored: deadlock detected, process {} waits for ShareLock on transaction {}", 1000 + hi % 9000, lo % 90_000_000), vec![kv("exception.type", s("org.postgresql.util.PSQLException")), kv("exception.stacktrace", s(STACK_PG)), kv("app.order.id", s(order.clone()))]);
                } else {
                    let pr = g.begin(Some(sv), svc, "send orders.created", 4, t);
                    let part = (hi % 12) as i64;
                    g.a(pr, "messaging.system", s("kafka"));
                    g.a(pr, "messaging.operation.type", s("send"));
                    g.a(pr, "messaging.operation.name", s("send"));
                    g.a(pr, "messaging.destination.name", s("orders.created"));
                    g.a(pr, "messaging.destination.partition.id", s(part.to_string()));
                    g.a(pr, "messaging.kafka.message.key", s(order.clone()));
                    g.a(pr, "server.address", s("kafka-0.queue.svc.cluster.local"));
                    t += g.w(1.5, 0.5);
                    g.end(pr, t);
                    g.log(
                        sv,
                        t,
                        9,
                        format!(
                            "order {order} placed, published to orders.created partition {part}"
                        ),
                        vec![kv("app.order.id", s(order.clone()))],
                    );
                    let ct = t + g.r.ln_ns(25.0, 0.9);
                    let co = g.begin(Some(pr), FULFIL, "process orders.created", 5, ct);
                    let link = Link {
                        trace_id: g.tid.to_vec(),
                        span_id: g.spans[pr].sp.span_id.clone(),
                        ..Default::default()
                    };
                    g.spans[co].sp.links.push(link);
                    g.a(co, "messaging.system", s("kafka"));
                    g.a(co, "messaging.operation.type", s("process"));
                    g.a(co, "messaging.consumer.group.name", s("fulfilment"));
                    g.a(co, "messaging.destination.name", s("orders.created"));
                    g.a(co, "messaging.destination.partition.id", s(part.to_string()));
                    g.a(co, "messaging.kafka.offset", i((t0 / 1_000_000) as i64 % 10_000_000));
                    g.a(co, "messaging.message.body.size", i(300 + (lo % 900) as i64));
                    let (_, te) = g.pg(
                        co,
                        FULFIL,
                        ct + 200_000,
                        "UPDATE",
                        "orders",
                        "UPDATE orders SET status = $2, updated_at = now() WHERE id = $1",
                        2.5,
                        1,
                    );
                    g.end(co, te + 100_000);
                }
            }
        }
    }
    t += g.w(0.1, 0.4);
    g.end(sv, t);
    t += g.net();
    g.end(cl, t);
    t += g.w(0.05, 0.3);
    g.end(gw, t);
    let ms = (t - t0) as f64 / 1e6;
    let bytes = 200 + (lo % 40_000) as i64;
    g.log(gw, t, 9, format!("{ip} \"{method} {path} HTTP/1.1\" {status} {bytes} request {COMMON} in {ms:.1} ms \"{agent}\""),
        vec![kv("http.request.method", s(method)), kv("http.route", s(route)), kv("http.response.status_code", i(status)), kv("url.path", s(path.clone())), kv("duration_ms", Value::DoubleValue(ms))]);
    if g.slow > 1.0 || g.r.p(0.3) {
        g.log(
            gw,
            t,
            if g.slow > 1.0 { 13 } else { 5 },
            format!(
                "rate limit window for {}: {remain} tokens left, policy per-user",
                g.user.clone()
            ),
            vec![kv("ratelimit.remaining", i(remain))],
        );
    }
    if g.r.p(1.0 / 7000.0) {
        let w = WORDS[g.r.below(96)];
        g.log(
            gw,
            t,
            13,
            format!(
                "upstream {RARE} suspected on {} pool {w}: shedding low priority traffic",
                SVCS[svc].name
            ),
            vec![kv("shed.pool", s(w))],
        );
    }
    t += g.net();
    g.end(lb, t);
    t += g.net() * 3;
    g.end(edge, t);
}
