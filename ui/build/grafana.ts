/** `npm run grafana`: writes `dashboards/grafana/*.json` from the built-in dashboards. A test says when they are stale. */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseDashboard } from "../src/model/dashboard/document";
import { toGrafana } from "../src/model/dashboard/grafana/export";

export default function grafana(): void {
  const folder = resolve("../dashboards");
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    const read = parseDashboard(readFileSync(join(folder, file), "utf8"));
    if (!read.ok) throw new Error(`${file}: ${read.problems.join("; ")}`);
    const { json, notes } = toGrafana({ ...read.dashboard, id: file.replace(/\.json$/, "") });
    writeFileSync(join(folder, "grafana", file), `${JSON.stringify(json, null, 2)}\n`);
    console.log(file);
    for (const note of notes) console.log(`  ${note}`);
  }
}
