/** The palette's half that knows: names from the cache or the server, and what choosing an entry does. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useDashboards } from "@/api/dashboards";
import { beginFault, endFault, useFaults } from "@/api/demo";
import { useAlertNames, useMetricNames, useServiceNames, useTraceOfSpan, useTracesOfPrefix } from "@/api/names";
import { useSlos } from "@/api/slos";
import { copy } from "@/components/CopyAs";
import { FAULT_LASTS, isPlanned } from "@/components/demo";
import { useTime, useTimeActions } from "@/components/location/time";
import { useGo } from "@/components/location/useGo";
import { describeRange, parseRange } from "@/model/range";
import { preferences, setPreferences, usePreferences } from "@/preferences/preferences";
import { SECTIONS } from "../navigation";
import { help } from "../help/open";
import { type Entry, entriesOf, isSpanId, isTracePrefix } from "./entries";
import { palette } from "./open";

const ACTIONS = [
  { action: "dark", label: "Dark theme" }, { action: "light", label: "Light theme" }, { action: "system", label: "Theme of the system" },
  { action: "live", label: "Live or paused" }, { action: "link", label: "Copy the link" }, { action: "utc", label: "Times in UTC" },
  { action: "local", label: "Times in my zone" }, { action: "compact", label: "Compact rows" }, { action: "normal", label: "Normal rows" },
  { action: "roomy", label: "Roomy rows" }, { action: "keys", label: "Keys of this page" }, { action: "single", label: "Single keys on or off" },
];
const EXTRA_PAGES = [
  { to: "/slos/new", label: "New SLO" }, { to: "/alerts/silences", label: "Silences" }, { to: "/alerts/rules", label: "Rules" }, { to: "/alerts/receivers", label: "Receivers" },
];
const RECENT_MAX = 8;

export function usePalette(typed: string): { entries: Entry[]; choose: (entry: Entry) => void; partial: boolean; reading: boolean } {
  const time = useTime();
  const { zone } = usePreferences();
  const go = useGo();
  const { set } = useTimeActions();
  const [recent, setRecent] = useState(loadRecent);
  const text = typed.trim();
  const services = useServiceNames(time.range);
  const slos = useSlos();
  const alerts = useAlertNames();
  const metrics = useMetricNames();
  const dashboards = useDashboards();
  const { faults } = useFaults();
  const client = useQueryClient();
  const span = useTraceOfSpan(isSpanId(text) ? text : null, time.range);
  const traces = useTracesOfPrefix(isTracePrefix(text) ? text.toLowerCase() : null, time.range);
  const range = text === "" ? null : parseRange(text, time.now, zone);
  const entries = entriesOf(typed, {
    services: services.data?.rows.map((row) => row.service) ?? [],
    slos: slos.data?.slos.map((slo) => ({ name: slo.name, title: slo.display_name ?? slo.name })) ?? [],
    alerts: alerts.data?.map((alert) => ({ fingerprint: alert.fingerprint, title: alert.annotations.summary ?? alert.labels.alertname ?? alert.fingerprint, service: alert.labels.service ?? "" })) ?? [],
    metrics: metrics.data?.data ?? [],
    dashboards: dashboards.data?.dashboards ?? [],
    faults: faults?.map((fault) => ({ name: fault.name, label: fault.name.replaceAll("-", " "), ends: isPlanned(fault) })) ?? [],
    pages: [...SECTIONS.flatMap((section) => section.entries), ...EXTRA_PAGES],
    actions: ACTIONS,
    traceOfSpan: isSpanId(text) ? (span.data?.rows[0]?.trace_id ?? null) : null,
    traces: isTracePrefix(text) ? (traces.data?.rows.map((row) => row.trace_id).filter((id) => id.startsWith(text.toLowerCase())) ?? []) : [],
    time: range ? { range, words: describeRange(range, time.now, zone) } : null,
    recent,
  });
  const choose = (entry: Entry) => {
    palette.setOpen(false);
    if (entry.act.kind !== "time") setRecent(keepRecent(entry));
    if (entry.act.kind === "go") go(entry.act.to, entry.act.search);
    else if (entry.act.kind === "time") set({ ...entry.act.range, paused: false });
    else if (/^(begin|end) /.test(entry.act.action)) void breakDemo(entry.act.action).then(() => client.invalidateQueries());
    else act(entry.act.action, () => set({ paused: !time.paused }));
  };
  const names = [services, slos, alerts, metrics, dashboards];
  return { entries, choose, partial: names.some((query) => query.error !== null), reading: names.some((query) => query.isLoading) || (text !== "" && (span.isLoading || traces.isLoading)) };
}

/** `begin slow-database`. The overview shows whether it did. */
function breakDemo(action: string): Promise<unknown> {
  const [verb, name = ""] = action.split(" ");
  return (verb === "begin" ? beginFault(name, FAULT_LASTS) : endFault(name)).catch(() => undefined);
}

function act(action: string, toggleLive: () => void): void {
  if (action === "dark" || action === "light" || action === "system") setPreferences({ theme: action });
  else if (action === "compact" || action === "normal" || action === "roomy") setPreferences({ rows: action });
  else if (action === "utc") setPreferences({ zone: "UTC" });
  else if (action === "local") setPreferences({ zone: "local" });
  else if (action === "live") toggleLive();
  else if (action === "link") void copy(window.location.href);
  else if (action === "keys") help.setOpen(true);
  else if (action === "single") setPreferences({ singleKeys: !preferences().singleKeys });
}

const KEY = "binnacle.recent";

function loadRecent(): Entry[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? (kept as Entry[]) : [];
  } catch {
    return [];
  }
}

function keepRecent(entry: Entry): Entry[] {
  const others = loadRecent().filter((one) => JSON.stringify(one.act) !== JSON.stringify(entry.act));
  const kept = [entry, ...others].slice(0, RECENT_MAX);
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Nothing is remembered then.
  }
  return kept;
}
