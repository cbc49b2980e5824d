/** The navigation's entries, with the second key of `g …`. */

import { Bell, Box, ChartLine, ChartNoAxesGantt, Gauge, HardDriveDownload, House, LayoutGrid, ListTree, type LucideIcon, Share2, SquareTerminal, Waypoints } from "lucide-react";

export interface Entry {
  to: string;
  label: string;
  Icon: LucideIcon;
  key: string;
}

export const SECTIONS: { title: string; entries: Entry[] }[] = [
  {
    title: "Watch",
    entries: [
      { to: "/", label: "Overview", Icon: House, key: "o" },
      { to: "/services", label: "Services", Icon: Box, key: "s" },
      { to: "/service-map", label: "Service map", Icon: Share2, key: "m" },
      { to: "/slos", label: "SLOs", Icon: Gauge, key: "b" },
      { to: "/alerts", label: "Alerts", Icon: Bell, key: "a" },
    ],
  },
  {
    title: "Explore",
    entries: [
      { to: "/traces", label: "Traces", Icon: ChartNoAxesGantt, key: "t" },
      { to: "/logs", label: "Logs", Icon: ListTree, key: "l" },
      { to: "/metrics-explorer", label: "Metrics", Icon: ChartLine, key: "x" },
      { to: "/sql", label: "SQL", Icon: SquareTerminal, key: "q" },
    ],
  },
  {
    title: "Keep",
    entries: [
      { to: "/dashboards", label: "Dashboards", Icon: LayoutGrid, key: "d" },
      { to: "/runs", label: "Load tests", Icon: Waypoints, key: "r" },
      { to: "/ingest", label: "Ingest health", Icon: HardDriveDownload, key: "i" },
    ],
  },
];

/** The entry a path belongs to: `/slos/checkout` to SLOs. */
export const entryOf = (path: string): Entry | undefined =>
  SECTIONS.flatMap((section) => section.entries).findLast((entry) => (entry.to === "/" ? path === "/" : path === entry.to || path.startsWith(`${entry.to}/`)));
