/** Which fields stand beside the rows: found in the newest records, the telling ones first. */

import type { LogRecord } from "@/api/logs";

export interface Field {
  /** As a query writes it. */
  key: string;
  /** In how many of the records looked at. */
  records: number;
  /** Different values among these. */
  values: number;
}

/** Shown before all others, in this order, where they occur. */
const FIRST = [
  "service.version", "error.type", "exception.type", "http.route", "http.response.status_code", "rpc.method", "db.system",
  "messaging.destination.name", "k8s.pod.name", "service.instance.id", "host.name", "deployment.environment.name",
];
/** Not worth a place: the service has its own, the rest says nothing of a record. */
const HIDDEN = /^(service\.name|telemetry\.|process\.|os\.|.*stacktrace|.*\.message)$|^telemetry\.|^process\./;
/** Names the language reads as fields of the record itself. */
const OWN = new Set(["service", "severity", "body", "trace_id", "span_id", "event_name", "scope"]);

/** Fields of `records`, best first; without `service` and `severity`, which are always there. */
export function fieldsOf(records: readonly LogRecord[]): Field[] {
  const found = new Map<string, { records: number; values: Set<string> }>();
  const note = (key: string, value: unknown) => {
    const entry = found.get(key) ?? { records: 0, values: new Set<string>() };
    entry.records++;
    entry.values.add(typeof value === "string" ? value : JSON.stringify(value));
    found.set(key, entry);
  };
  for (const record of records) {
    for (const [key, value] of Object.entries(record.attributes)) note(OWN.has(key) ? `attributes.${key}` : key, value);
    for (const [key, value] of Object.entries(record.resource.attributes)) {
      if (!(key in record.attributes)) note(OWN.has(key) ? `resource.${key}` : key, value);
    }
    if (record.event_name) note("event_name", record.event_name);
    if (record.scope.name !== "") note("scope", record.scope.name);
  }
  const fields = [...found].map(([key, { records: count, values }]) => ({ key, records: count, values: values.size }));
  return fields.sort((a, b) => weight(b, records.length) - weight(a, records.length) || (a.key < b.key ? -1 : 1));
}

/** Fields of few values tell more than those of one, or of a value per record. */
function weight(field: Field, total: number): number {
  const first = FIRST.indexOf(field.key);
  const many = field.values > 12 && field.values > field.records * 0.5;
  if (HIDDEN.test(field.key)) return -2;
  if (many) return -1;
  if (first >= 0) return 100 - first + (field.values > 1 ? 100 : 0);
  return (field.values > 1 ? 10 : 0) + field.records / Math.max(1, total);
}
