/** Alerts as receivers are told of them, and silences: Alertmanager's API. */

import * as v from "valibot";
import { fromMs, type Nanos, toIso } from "@/model/time";
import { ask } from "./client";
import { type QueryOptions, type Result, useApi } from "./query";

const texts = v.record(v.string(), v.string());
const time = v.pipe(v.string(), v.transform((text) => fromMs(Date.parse(text))));
const toldAlert = v.object({
  fingerprint: v.string(),
  labels: texts,
  annotations: texts,
  startsAt: time,
  endsAt: time,
  updatedAt: time,
  generatorURL: v.optional(v.string()),
  receivers: v.array(v.object({ name: v.string() })),
  status: v.object({ state: v.string(), inhibitedBy: v.array(v.string()), silencedBy: v.array(v.string()) }),
});
export type ToldAlert = v.InferOutput<typeof toldAlert>;

/** Everything that fires, of SLOs and of rules alike, silenced and inhibited ones too. */
export const useToldAlerts = (options: QueryOptions = {}): Result<ToldAlert[]> =>
  useApi(
    { doing: "list alerts", path: "/alertmanager/api/v2/alerts", params: { active: true, silenced: true, inhibited: true }, schema: v.array(toldAlert) },
    { poll: true, ...options },
  );

const matcher = v.object({ name: v.string(), value: v.string(), isRegex: v.boolean(), isEqual: v.optional(v.boolean(), true) });
export type SilenceMatcher = v.InferOutput<typeof matcher>;
const silence = v.object({
  id: v.string(), status: v.object({ state: v.string() }), comment: v.string(), createdBy: v.string(), startsAt: time, endsAt: time, updatedAt: time, matchers: v.array(matcher),
});
export type Silence = v.InferOutput<typeof silence>;

export const useSilences = (): Result<Silence[]> => useApi({ doing: "list silences", path: "/alertmanager/api/v2/silences", schema: v.array(silence) }, { poll: true });

export interface NewSilence {
  matchers: SilenceMatcher[];
  from: Nanos;
  to: Nanos;
  createdBy: string;
  comment: string;
}

export const addSilence = (wanted: NewSilence): Promise<{ silenceID: string }> =>
  ask({
    doing: "silence", path: "/alertmanager/api/v2/silences", schema: v.object({ silenceID: v.string() }),
    body: { matchers: wanted.matchers, startsAt: toIso(wanted.from), endsAt: toIso(wanted.to), createdBy: wanted.createdBy, comment: wanted.comment },
  });

export const endSilence = (id: string): Promise<unknown> => ask({ doing: "end the silence", method: "DELETE", path: `/alertmanager/api/v2/silence/${encodeURIComponent(id)}`, schema: v.unknown() });

const status = v.object({ config: v.object({ original: v.string() }), uptime: v.string() });
export const useNotifyConfig = (): Result<v.InferOutput<typeof status>> => useApi({ doing: "read the routes", path: "/alertmanager/api/v2/status", schema: status });
export const useReceivers = (): Result<{ name: string }[]> => useApi({ doing: "list receivers", path: "/alertmanager/api/v2/receivers", schema: v.array(v.object({ name: v.string() })) });
