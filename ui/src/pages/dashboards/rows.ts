/** Dashboards as rows: what was made here first, then what came with the product. */

import type { ListedDashboard } from "@/api/dashboards";
import { isBuiltIn } from "@/api/dashboards";

const words = (one: ListedDashboard): string => `${one.title} ${one.description ?? ""} ${(one.tags ?? []).join(" ")} ${one.id}`.toLowerCase();

export function foundIn(all: readonly ListedDashboard[], q: string, tag: string): ListedDashboard[] {
  const wanted = q.toLowerCase().split(/\s+/).filter((word) => word !== "");
  return all
    .filter((one) => (tag === "" || (one.tags ?? []).includes(tag)) && wanted.every((word) => words(one).includes(word)))
    .sort((a, b) => Number(isBuiltIn(a)) - Number(isBuiltIn(b)) || a.title.localeCompare(b.title));
}

/** Tags with how many dashboards have them, the most first. */
export function tagsOf(all: readonly ListedDashboard[]): { tag: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const one of all) for (const tag of new Set(one.tags ?? [])) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts].map(([tag, count]) => ({ tag, count })).sort((a, b) => b.count - a.count || a.tag.localeCompare(b.tag));
}

export function headline(all: readonly ListedDashboard[]): string {
  const own = all.filter((one) => !isBuiltIn(one)).length;
  const given = all.length - own;
  if (all.length === 0) return "No dashboards";
  return `${own === 0 ? "No dashboard" : own === 1 ? "1 dashboard" : `${own} dashboards`} of your own, ${given} built in`;
}
