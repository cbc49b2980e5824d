/** What a sender can do about a rejection: a sentence, and text to paste. */

export interface Fix {
  /** What is wrong, and where it usually comes from. */
  why: string;
  /** To paste into the sender's configuration; absent when only its code can be mended. */
  paste?: string;
}

const FIXES: [RegExp, (otlp: string) => Fix][] = [
  [/^(trace|span) id is|(trace|span) id has the wrong length/i, () => ({
    why: "Ids are 16 random bytes for a trace and 8 for a span, not all zero. In OTLP/JSON they are hexadecimal (32 and 16 digits), not base64; a span made by hand needs both.",
    paste: '"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"',
  })],
  [/^time is/i, () => ({ why: "Times are nanoseconds since 1970. What lies before 1970 or after 2262 was sent in another unit, or was never set.", paste: "date +%s%N" })],
  [/^content type/i, (otlp) => ({ why: "The exporter speaks something else than OTLP, or says so in Content-Type.", paste: `export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nexport OTEL_EXPORTER_OTLP_ENDPOINT=${otlp}` })],
  [/^content encoding/i, () => ({ why: "Bodies come plain, as gzip or as zstd.", paste: "export OTEL_EXPORTER_OTLP_COMPRESSION=gzip" })],
  [/larger than/i, () => ({
    why: "One request holds more than the server takes. Smaller batches arrive sooner, too.",
    paste: "export OTEL_BSP_MAX_EXPORT_BATCH_SIZE=256\nexport OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=256\n# in an OpenTelemetry Collector:\nprocessors: { batch: { send_batch_size: 1024, send_batch_max_size: 2048 } }",
  })],
  [/^path /i, (otlp) => ({ why: "The exporter's endpoint has a path that is not served. Give it the address alone; it adds /v1/traces, /v1/logs and /v1/metrics by itself.", paste: `export OTEL_EXPORTER_OTLP_ENDPOINT=${otlp}` })],
  [/^method /i, () => ({ why: "Telemetry is sent with POST. Something else asks this port: a health check belongs to /readyz of the API." })],
  [/malformed OTLP\/JSON|^the body/i, () => ({ why: "The body is no OTLP in JSON, or ends early. Official exporters do not send that; look at what is put together by hand, and at proxies that cut bodies." })],
  [/malformed/i, (otlp) => ({
    why: "The body is no OTLP in protobuf. Often an exporter of another protocol points to this port: gRPC belongs to 4317, HTTP to 4318.",
    paste: `export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nexport OTEL_EXPORTER_OTLP_ENDPOINT=${otlp}`,
  })],
  [/more than 65,536/i, () => ({
    why: "One record carries more attributes, events, links or exemplars than any reader could look at. Limit them in the SDK.",
    paste: "export OTEL_SPAN_EVENT_COUNT_LIMIT=128\nexport OTEL_SPAN_LINK_COUNT_LIMIT=128\nexport OTEL_ATTRIBUTE_COUNT_LIMIT=128",
  })],
  [/UTF-8/, () => ({ why: "A text is not UTF-8. The sender reads bytes as text: decode them with their charset first, or send them as bytes." })],
  [/did not arrive whole|connection broke/i, () => ({ why: "The connection was too slow or ended early. Look at the network and at proxies between; smaller, compressed batches help.", paste: "export OTEL_EXPORTER_OTLP_COMPRESSION=gzip" })],
  [/tenant/i, () => ({ why: "The tenant's name in X-Scope-OrgID is none: letters, digits, hyphens and underscores.", paste: 'export OTEL_EXPORTER_OTLP_HEADERS="X-Scope-OrgID=default"' })],
  [/^error parsing labels|at least one label/i, () => ({ why: "A stream of a log push needs labels in Prometheus form.", paste: '{"streams":[{"stream":{"service_name":"checkout"},"values":[["1795400429000000000","hello"]]}]}' })],
  [/no timestamp or no line|value of a label is not a text|structured metadata/i, () => ({
    why: "Each entry of a log push is a list: nanoseconds as a text, the line, and optionally an object of texts.",
    paste: '"values": [["1795400429000000000", "the line", {"trace_id": "5b8efff798038103d269b633813fc60c"}]]',
  })],
  [/neither a sample nor a histogram|symbol|label has a name and no value|metadata without/i, () => ({ why: "The remote-write message is not well formed. Prometheus does not send that: update the agent that does.", paste: "remote_write:\n  - url: http://…/prometheus/api/v1/write" })],
];

/** `otlp` is where OTLP over HTTP is taken. */
export function fixOf(reason: string, otlp: string): Fix {
  const found = FIXES.find(([pattern]) => pattern.test(reason));
  return found?.[1](otlp) ?? { why: "The reason says what is wrong with these records; the rest of their request was stored. Mend it where they are made." };
}

/** Fates of requests, as `binnacle_collector_requests_total` names them. */
export const OUTCOMES: Record<string, { word: string; meaning: string }> = {
  ok: { word: "stored", meaning: "Everything in them was stored." },
  partial: { word: "stored in part", meaning: "Some of their records were rejected, with a reason each." },
  duplicate: { word: "sent again", meaning: "Stored before; nothing is counted twice." },
  retry: { word: "told to try again", meaning: "Too much at once, over a tenant's rate, or the store was read-only; senders try again by themselves." },
  refused: { word: "refused", meaning: "Nothing in them could be read." },
};
