/** Dashboards: those of the product and those that were stored, with their versions. */

import * as v from "valibot";
import { ask } from "./client";
import { begin, type Result, useApi } from "./query";

const listed = v.object({
  id: v.string(), title: v.string(), description: v.nullish(v.string()), tags: v.nullish(v.array(v.string())),
  source: v.string(), version: v.number(), updated_at: v.nullish(v.string()), panels: v.number(),
});
export type ListedDashboard = v.InferOutput<typeof listed>;

/** Whether it came with the product: to be copied, not changed. */
export const isBuiltIn = (one: { source: string }): boolean => one.source === "built-in";

export const useDashboards = (options: { enabled?: boolean } = {}): Result<{ dashboards: ListedDashboard[] }> =>
  useApi({ doing: "list dashboards", path: "/api/v1/dashboards", schema: v.object({ dashboards: v.array(listed) }) }, options);

const stored = v.object({ id: v.string(), source: v.string(), version: v.number(), updated_at: v.nullish(v.string()), dashboard: v.unknown() });
export type StoredDashboard = v.InferOutput<typeof stored>;

const pathOf = (id: string) => `/api/v1/dashboards/${encodeURIComponent(id)}`;

const reading = (id: string) => ({ doing: `read the dashboard ${id}`, path: pathOf(id), schema: stored });
export const useDashboard = (id: string): Result<StoredDashboard> => useApi(reading(id));
export const askDashboard = (id: string): Promise<StoredDashboard> => ask(reading(id));
export const prefetchDashboard = (id: string): void => begin(reading(id));

export const createDashboard = (document: unknown): Promise<StoredDashboard> => ask({ doing: "store the dashboard", path: "/api/v1/dashboards", body: document, schema: stored });
/** `version` is the one that was edited: the server refuses when there is a newer one. */
export const saveDashboard = (id: string, version: number, document: unknown): Promise<StoredDashboard> =>
  ask({ doing: "save the dashboard", method: "PUT", path: pathOf(id), params: { version }, body: document, schema: stored });
export const deleteDashboard = (id: string): Promise<unknown> => ask({ doing: "delete the dashboard", method: "DELETE", path: pathOf(id), schema: v.unknown() });
