/**
 * A shop, made up from a seed: what its services do in any one second is a function of that second.
 *
 * payments 2.14.1 was deployed to two of six instances; its connection pool is too small, and since then 3 % of
 * checkouts fail. orders has become slow, email-worker has gone silent.
 */

import type { Attributes, LogRecord, Resource, SpanRecord } from "./otlp";
import { type Random, random } from "./random";

/** Milliseconds since 1970: when what happened. */
export interface Story {
  seed: number;
  deploy: number;
  incident: number;
  ordersSlow: number;
  emailSilent: number;
}

const MINUTE = 60_000;
export const storyAt = (now: number, seed: number): Story => ({
  seed, deploy: now - 43 * MINUTE, incident: now - 41 * MINUTE, ordersSlow: now - 50 * MINUTE, emailSilent: now - 18 * MINUTE,
});

export const REQUESTS_PER_SECOND = 1.4;
/** Of checkouts, while the incident lasts. */
export const FAILED_SHARE = 0.03;
const INSTANCES: Record<string, number> = { gateway: 2, checkout: 3, payments: 6, catalog: 2, cart: 2, inventory: 1, orders: 2, "email-worker": 1 };
const VERSIONS: Record<string, string> = { gateway: "7.0.2", checkout: "3.9.1", payments: "2.13.4", catalog: "4.11.0", cart: "2.2.7", inventory: "3.0.0", orders: "5.2.0", "email-worker": "1.8.3" };
export const SERVICES = Object.keys(INSTANCES);

export function resourceOf(service: string, instance: number, at: number, story: Story): Resource {
  const canary = service === "payments" && instance < 2 && at >= story.deploy;
  return { service, version: canary ? "2.14.1" : (VERSIONS[service] ?? "1.0.0"), instance: `${service}-${instance}` };
}

export const instancesOf = (service: string): number => INSTANCES[service] ?? 1;

export interface Traffic {
  spans: SpanRecord[];
  logs: LogRecord[];
}

/** One trace as it is built: a clock that goes on, spans that nest. */
class Builder {
  readonly spans: SpanRecord[] = [];
  readonly logs: LogRecord[] = [];
  readonly traceId: string;

  constructor(readonly rng: Random, readonly story: Story) {
    this.traceId = rng.hex(16);
  }

  span(service: string, name: string, kind: SpanRecord["kind"], start: number, parent: SpanRecord | null, attributes: Attributes = {}): SpanRecord {
    const same = parent?.resource.service === service ? parent.resource : null;
    const resource = same ?? resourceOf(service, Math.floor(this.rng.next() * instancesOf(service)), start, this.story);
    const made: SpanRecord = {
      resource, traceId: this.traceId, spanId: this.rng.hex(8), parentSpanId: parent?.spanId ?? "", name, kind, start, end: start, attributes, events: [], links: [],
    };
    this.spans.push(made);
    return made;
  }

  log(span: SpanRecord, at: number, severity: number, body: string, attributes: Attributes = {}): void {
    this.logs.push({ resource: span.resource, at, severity, body, attributes, traceId: span.traceId, spanId: span.spanId });
  }

  fail(span: SpanRecord, message: string, type: string): void {
    span.error = message;
    span.events.push({ name: "exception", at: span.end, attributes: { "exception.type": type, "exception.message": message } });
  }
}

const http = (method: string, route: string, status = 200): Attributes => ({ "http.request.method": method, "http.route": route, "http.response.status_code": status });

/** A call from `caller` to `callee`: client span, server span, and what `work` does inside; returns the server's span. */
function call(b: Builder, caller: SpanRecord, callee: string, method: string, route: string, at: number, work: (server: SpanRecord) => number): SpanRecord {
  const client = b.span(caller.resource.service, method, 3, at, caller, { "http.request.method": method, "server.address": callee, "peer.service": callee });
  const server = b.span(callee, `${method} ${route}`, 2, at + b.rng.between(0.3, 1.2), client, http(method, route));
  server.end = work(server);
  client.end = server.end + b.rng.between(0.3, 1.2);
  const status = server.attributes["http.response.status_code"];
  client.attributes["http.response.status_code"] = status ?? 200;
  if (server.error !== undefined) client.error = `HTTP ${String(status)}`;
  return server;
}

function query(b: Builder, parent: SpanRecord, system: string, peer: string, operation: string, at: number, median: number): number {
  const statement = `${operation} ${peer}`;
  const span = b.span(parent.resource.service, statement, 3, at, parent, {
    "db.system.name": system, "db.namespace": peer, "db.operation.name": operation, "server.address": peer, "peer.service": peer,
  });
  span.end = at + b.rng.latency(median, 0.5);
  return span.end;
}

/** All traffic that begins in the second that begins at `at`. */
export function second(at: number, story: Story, perSecond = REQUESTS_PER_SECOND): Traffic {
  const rng = random(story.seed, Math.floor(at / 1000) & 0x7fffffff, Math.floor(at / 2 ** 31));
  // A slow wave over the hours, and noise.
  const expected = perSecond * (1 + 0.15 * Math.sin(at / (47 * MINUTE))) * rng.between(0.7, 1.3);
  const count = Math.floor(expected) + (rng.next() < expected % 1 ? 1 : 0);
  const traffic: Traffic = { spans: [], logs: [] };
  for (let i = 0; i < count; i++) {
    const b = new Builder(rng, story);
    const start = at + rng.between(0, 1000);
    const kind = rng.next();
    if (kind < 0.5) checkout(b, start);
    else if (kind < 0.85) browse(b, start);
    else addToCart(b, start);
    traffic.spans.push(...b.spans);
    traffic.logs.push(...b.logs);
  }
  return traffic;
}

function browse(b: Builder, start: number): void {
  const route = b.rng.pick(["/products", "/products/{id}", "/search"]);
  const root = b.span("gateway", `GET ${route}`, 2, start, null, { ...http("GET", route), "user_agent.original": b.rng.pick(["Mozilla/5.0", "shop-ios/4.2", "shop-android/4.1"]) });
  const server = call(b, root, "catalog", "GET", route, start + b.rng.latency(1), (catalog) => {
    let end = query(b, catalog, "postgresql", "catalog-db", "SELECT", catalog.start + b.rng.latency(1.5), route === "/search" ? 28 : 6);
    if (route === "/products") {
      for (let i = 0; i < 4; i++) end = query(b, catalog, "redis", "catalog-cache", "GET", end + 0.2, 0.8);
    }
    if (b.rng.next() < 0.05) b.log(catalog, end, 13, `slow query: ${(end - catalog.start).toFixed(0)} ms for ${route}`, { "db.namespace": "catalog-db" });
    return end + b.rng.latency(2);
  });
  root.end = server.end + b.rng.latency(1.5);
  if (b.rng.next() < 0.3) b.log(root, root.end, 9, `GET ${route} 200 ${(root.end - root.start).toFixed(1)} ms`, http("GET", route));
}

function addToCart(b: Builder, start: number): void {
  const root = b.span("gateway", "POST /cart", 2, start, null, http("POST", "/cart"));
  const server = call(b, root, "cart", "POST", "/cart/{user}/items", start + b.rng.latency(1), (cart) => {
    const end = query(b, cart, "redis", "cart-cache", "HSET", cart.start + b.rng.latency(1), 0.9);
    if (b.rng.next() < 0.08) b.log(cart, end, 5, `cart of user ${Math.floor(b.rng.between(1000, 9999))} written`, { "cart.items": Math.floor(b.rng.between(1, 9)) });
    return end + b.rng.latency(1.2);
  });
  root.end = server.end + b.rng.latency(1);
}

function checkout(b: Builder, start: number): void {
  const { rng, story } = b;
  const method = rng.pick(["card", "card", "card_3ds", "invoice"]);
  const root = b.span("gateway", "POST /checkout", 2, start, null, { ...http("POST", "/checkout"), "payment.method": method });
  const entry = call(b, root, "checkout", "POST", "/checkout", start + rng.latency(1.2), (server) => {
    server.attributes["payment.method"] = method;
    server.attributes["cart.items"] = Math.floor(rng.between(1, 12));
    b.log(server, server.start + 0.2, 9, `checkout of ${String(server.attributes["cart.items"])} items by ${method}`, { "payment.method": method });
    const cart = call(b, server, "cart", "GET", "/cart/{user}", server.start + rng.latency(1), (s) => query(b, s, "redis", "cart-cache", "HGETALL", s.start + rng.latency(0.8), 1.1) + rng.latency(1));
    const stock = call(b, server, "inventory", "POST", "/reserve", cart.end + rng.latency(1), (s) => query(b, s, "postgresql", "inventory-db", "UPDATE", s.start + rng.latency(1), 9) + rng.latency(1));
    const paid = call(b, server, "payments", "POST", "/authorize", stock.end + rng.latency(1.5), (s) => authorize(b, s, method));
    if (paid.error !== undefined) {
      server.attributes["http.response.status_code"] = 502;
      const end = paid.end + rng.latency(1);
      server.end = end;
      b.fail(server, "authorize: upstream deadline exceeded", "UpstreamError");
      b.log(server, end, 17, "authorize: upstream deadline exceeded", { "payment.method": method, "http.response.status_code": 502 });
      return end;
    }
    return publish(b, server, paid.end + rng.latency(1));
  });
  root.end = entry.end + rng.latency(1);
  if (entry.error !== undefined) {
    root.attributes["http.response.status_code"] = 502;
    root.error = "HTTP 502";
  }
  if (start > story.incident && rng.next() < 0.02) b.log(root, root.end, 13, `client retried POST /checkout after ${(root.end - root.start).toFixed(0)} ms`);
}

function authorize(b: Builder, server: SpanRecord, method: string): number {
  const { rng, story } = b;
  server.attributes["payment.method"] = method;
  const canary = server.resource.version === "2.14.1" && server.start >= story.incident;
  server.attributes["db.pool.max"] = server.resource.version === "2.14.1" ? 8 : 32;
  const acquire = b.span("payments", "pool.acquire", 1, server.start + rng.latency(0.8), server, { "db.pool.name": "payments-rw", "db.pool.max": server.attributes["db.pool.max"] });
  // Two of six instances: three times the share, and more often for what takes two calls. 1.25 is the mean of the weights.
  const weight = method === "card_3ds" ? 2 : 1;
  const fails = canary && rng.next() < (FAILED_SHARE * 3 * weight) / 1.25;
  const rare = rng.next() < 0.0005;
  if (fails || rare) {
    acquire.end = acquire.start + rng.between(3000, 3010);
    const message = "pool payments-rw: timed out after 3000 ms (8/8 busy)";
    b.fail(acquire, message, "PoolTimeout");
    b.log(acquire, acquire.end, 17, message, { "db.pool.name": "payments-rw", "db.pool.waiting": Math.floor(rng.between(3, 40)) });
    server.end = acquire.end + rng.latency(0.8);
    server.attributes["http.response.status_code"] = 503;
    b.fail(server, "timed out waiting for a connection", "PoolTimeout");
    return server.end;
  }
  acquire.end = acquire.start + (canary ? rng.latency(40, 0.8) : rng.latency(0.4));
  if (canary && acquire.end - acquire.start > 120) b.log(acquire, acquire.end, 13, `pool payments-rw: waited ${(acquire.end - acquire.start).toFixed(0)} ms for a connection`, { "db.pool.name": "payments-rw" });
  const risk = b.span("payments", "score risk", 1, acquire.end, server, { "payment.method": method });
  risk.end = risk.start + rng.latency(method === "card_3ds" ? 60 : 18);
  const end = query(b, server, "postgresql", "payments-db", "INSERT", risk.end + rng.latency(0.5), 7) + rng.latency(1);
  if (rng.next() < 0.2) b.log(server, end, 9, `authorized ${rng.between(5, 250).toFixed(2)} EUR by ${method}`, { "payment.method": method });
  return end;
}

function publish(b: Builder, server: SpanRecord, at: number): number {
  const { rng, story } = b;
  const messaging = { "messaging.system": "kafka", "messaging.destination.name": "orders", "peer.service": "orders-queue" };
  const producer = b.span("checkout", "orders publish", 4, at, server, { ...messaging, "messaging.operation.type": "publish" });
  producer.end = at + rng.latency(2.5);
  const slow = at >= story.ordersSlow && rng.next() < 0.04 ? rng.between(450, 900) : 0;
  const order = b.span("orders", "orders process", 5, producer.end + rng.latency(15), producer, { ...messaging, "messaging.operation.type": "process" });
  const stored = query(b, order, "postgresql", "orders-db", "INSERT", order.start + rng.latency(2), 11 + slow);
  order.end = stored + rng.latency(3);
  if (slow > 0) b.log(order, order.end, 13, `order stored after ${(order.end - order.start).toFixed(0)} ms, lock on orders.idempotency`, { "db.namespace": "orders-db" });
  if (at < story.emailSilent) {
    const mail = b.span("email-worker", "mail confirmation", 5, order.end + rng.latency(30), order, { ...messaging, "messaging.operation.type": "process" });
    mail.end = mail.start + rng.latency(120, 0.6);
    if (rng.next() < 0.1) b.log(mail, mail.end, 9, "confirmation sent", { "mail.template": "order" });
  }
  return producer.end + rng.latency(1);
}
