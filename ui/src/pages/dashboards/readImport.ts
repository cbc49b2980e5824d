import { type Dashboard, readDashboard } from "@/model/dashboard/document";
import { fromGrafana, isGrafana } from "@/model/dashboard/grafana/import";

export type Import = { ok: true; dashboard: Dashboard; notes: string[]; from: string } | { ok: false; problems: string[] };

/** A text somebody wants to import: whose it is, what is in it, what is lost. */
export function readImport(text: string): Import {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, problems: [`This is no JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  if (isGrafana(value)) {
    const found = fromGrafana(value);
    return found.ok ? { ...found, from: "Grafana’s JSON" } : found;
  }
  const found = readDashboard(value);
  return found.ok ? { ...found, notes: [], from: "Binnacle’s JSON" } : found;
}
