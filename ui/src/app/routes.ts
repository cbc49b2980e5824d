/** Every page of the app: its path and its chunk. The server answers these paths with the app, and only these. */

import type { ComponentType } from "react";
import { prefetchDashboard } from "@/api/dashboards";

export interface PageRoute {
  path: string;
  load: () => Promise<{ default: ComponentType }>;
  /** Asks what the page will show, while its chunk comes. */
  begin?: (params: Record<string, string>) => void;
}

export const ROUTES: PageRoute[] = [
  { path: "/", load: () => import("@/pages/overview") },
  { path: "/services", load: () => import("@/pages/services") },
  { path: "/services/$service", load: () => import("@/pages/service") },
  { path: "/service-map", load: () => import("@/pages/service-map") },
  { path: "/traces", load: () => import("@/pages/traces") },
  { path: "/traces/$traceId", load: () => import("@/pages/trace") },
  { path: "/logs", load: () => import("@/pages/logs") },
  { path: "/metrics-explorer", load: () => import("@/pages/metrics") },
  { path: "/slos", load: () => import("@/pages/slos") },
  { path: "/slos/new", load: () => import("@/pages/slo-new") },
  { path: "/slos/$slo", load: () => import("@/pages/slo") },
  { path: "/alerts", load: () => import("@/pages/alerts") },
  { path: "/alerts/silences", load: () => import("@/pages/alerts-silences") },
  { path: "/alerts/rules", load: () => import("@/pages/alerts-rules") },
  { path: "/alerts/receivers", load: () => import("@/pages/alerts-receivers") },
  { path: "/alerts/$fingerprint", load: () => import("@/pages/alert") },
  { path: "/dashboards", load: () => import("@/pages/dashboards") },
  { path: "/dashboards/$dashboard", load: () => import("@/pages/dashboard"), begin: ({ dashboard = "" }) => prefetchDashboard(dashboard) },
  { path: "/sql", load: () => import("@/pages/sql") },
  { path: "/runs", load: () => import("@/pages/runs") },
  { path: "/runs/$run", load: () => import("@/pages/run") },
  { path: "/ingest", load: () => import("@/pages/ingest") },
  { path: "/gallery", load: () => import("@/pages/gallery") },
];
