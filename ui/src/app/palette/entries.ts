/** What the palette offers for what was typed: pure, so that its order is tested. */

import type { RangeText } from "@/model/range";

export interface Entry {
  /** The heading it stands under. */
  section: string;
  label: string;
  note?: string;
  act: { kind: "go"; to: string; search?: Record<string, string> } | { kind: "time"; range: RangeText } | { kind: "do"; action: string };
}

export interface Known {
  services: string[];
  slos: { name: string; title: string }[];
  alerts: { fingerprint: string; title: string; service: string }[];
  metrics: string[];
  dashboards: { id: string; title: string }[];
  /** What can be broken in the demo; empty outside of it. */
  faults: { name: string; label: string; ends: boolean }[];
  pages: { to: string; label: string }[];
  actions: { action: string; label: string }[];
  /** The trace of the span id that was typed, when there is one. */
  traceOfSpan: string | null;
  /** Traces whose ids begin with what was typed. */
  traces: string[];
  /** What was typed, read as a time. */
  time: { range: RangeText; words: string } | null;
  recent: Entry[];
}

const PER_SECTION = 6;

export const isTraceId = (text: string): boolean => /^[0-9a-f]{32}$/i.test(text);
/** As ids are shortened everywhere, or longer. */
export const isTracePrefix = (text: string): boolean => /^[0-9a-f]{8,31}$/i.test(text);
export const isSpanId = (text: string): boolean => /^[0-9a-f]{16}$/i.test(text);

/** Words of what was typed may stand anywhere; an earlier and fuller match comes first. */
export function score(candidate: string, typed: string): number {
  const [text, words] = [candidate.toLowerCase(), typed.toLowerCase().split(/\s+/).filter(Boolean)];
  if (words.length === 0) return 0;
  let sum = 0;
  for (const word of words) {
    const at = text.indexOf(word);
    if (at < 0) return -1;
    const boundary = at === 0 || /[\s\-_./:]/.test(text[at - 1] ?? "");
    sum += (boundary ? 2 : 1) + word.length / text.length;
  }
  return sum;
}

function matching<T>(items: T[], typed: string, name: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, value: score(name(item), typed) }))
    .filter(({ value }) => value >= 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, PER_SECTION)
    .map(({ item }) => item);
}

/** Sections in the order: ids, silences (when asked for), services, SLOs, alerts, metrics, dashboards, pages, times, queries, actions. */
export function entriesOf(typed: string, known: Known): Entry[] {
  const text = typed.trim();
  const pages = (found: Known["pages"]) => found.map(({ to, label }): Entry => ({ section: "Pages", label, act: { kind: "go", to } }));
  if (text === "") return [...known.recent.map((entry) => ({ ...entry, section: "Recent" })), ...pages(known.pages)];
  const entries: Entry[] = [];
  if (isTraceId(text)) entries.push({ section: "Trace", label: `Trace ${text.slice(0, 8)}`, note: text, act: { kind: "go", to: `/traces/${text.toLowerCase()}` } });
  for (const id of known.traces) entries.push({ section: "Trace", label: `Trace ${id.slice(0, 8)}`, note: id, act: { kind: "go", to: `/traces/${id}` } });
  if (known.traceOfSpan) {
    entries.push({ section: "Span", label: `Span ${text.slice(0, 8)}`, note: `in trace ${known.traceOfSpan.slice(0, 8)}`, act: { kind: "go", to: `/traces/${known.traceOfSpan}`, search: { span: text.toLowerCase() } } });
  }
  // Who begins with what is to be done gets that first.
  entries.push(...silences(text, known));
  for (const name of matching(known.services, text, (s) => s)) entries.push({ section: "Services", label: name, act: { kind: "go", to: `/services/${encodeURIComponent(name)}` } });
  for (const slo of matching(known.slos, text, (s) => `${s.title} ${s.name}`)) entries.push({ section: "SLOs", label: slo.title, note: slo.name, act: { kind: "go", to: `/slos/${encodeURIComponent(slo.name)}` } });
  for (const alert of matching(known.alerts, text, (a) => `${a.title} ${a.service}`)) entries.push({ section: "Alerts", label: alert.title, note: alert.service, act: { kind: "go", to: `/alerts/${alert.fingerprint}` } });
  for (const metric of matching(known.metrics, text.replace(/^(metrics?|graph)\s+/i, ""), (m) => m)) entries.push({ section: "Metrics", label: metric, act: { kind: "go", to: "/metrics-explorer", search: { q: metric } } });
  for (const one of matching(known.dashboards, text, (d) => d.title)) entries.push({ section: "Dashboards", label: one.title, act: { kind: "go", to: `/dashboards/${encodeURIComponent(one.id)}` } });
  entries.push(...pages(matching(known.pages, text, (p) => p.label)));
  if (known.time) entries.push({ section: "Time", label: known.time.words, act: { kind: "time", range: known.time.range } });
  entries.push(...queries(text), ...actions(text, known));
  return entries;
}

function queries(text: string): Entry[] {
  if (isTraceId(text) || isSpanId(text)) return [];
  if (text.startsWith("{")) return [{ section: "Search", label: "Search traces", note: text, act: { kind: "go", to: "/traces", search: { q: text } } }];
  if (/^(select|with|explain)\s/i.test(text)) return [{ section: "Search", label: "Run as SQL", note: text, act: { kind: "go", to: "/sql", search: { q: text } } }];
  return [
    { section: "Search", label: "Search logs", note: text, act: { kind: "go", to: "/logs", search: { q: text } } },
    ...(/[([]/.test(text) ? [{ section: "Search", label: "Graph as PromQL", note: text, act: { kind: "go" as const, to: "/metrics-explorer", search: { q: text } } }] : []),
  ];
}

function actions(text: string, known: Known): Entry[] {
  const found = matching(known.actions, text, (a) => a.label).map(({ action, label }): Entry => ({ section: "Actions", label, act: { kind: "do", action } }));
  // Its name, and words that somebody would type who looks for it.
  const faults = matching(known.faults, text, (fault) => `${fault.label} fault ${fault.ends ? "end" : "begin break"} demo`).map(({ name, label, ends }): Entry =>
    ({ section: "Demo", label: `${ends ? "End" : "Begin"} the fault ${label}`, ...(ends ? {} : { note: "for 5 min" }), act: { kind: "do", action: `${ends ? "end" : "begin"} ${name}` } }));
  found.push(...faults);
  return found;
}

/** `silence`, and which alert or service: each opens the form, filled in. */
function silences(text: string, known: Known): Entry[] {
  const [, verb = "", of = ""] = /^(\S+)\s*(.*)$/.exec(text) ?? [];
  if (verb.length < 3 || !"silence".startsWith(verb.toLowerCase())) return [];
  const form = (label: string, note: string, search: Record<string, string>): Entry => ({ section: "Silence", label: `Silence ${label}…`, note, act: { kind: "go", to: "/alerts/silences", search } });
  return [
    ...matching(known.services, of, (s) => s).map((service) => form(service, "service", { new: `service=${JSON.stringify(service)}` })),
    ...matching(known.alerts, of, (a) => `${a.title} ${a.service}`).map((alert) => form(alert.title, "alert", { alert: alert.fingerprint })),
  ];
}
