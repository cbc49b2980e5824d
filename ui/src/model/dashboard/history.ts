/** Edits of a dashboard, each of which can be undone. */

import type { Dashboard } from "./document";

export interface Edit {
  dashboard: Dashboard;
  /** What the edit did, as "Undo …" says it. */
  did: string;
}

export interface History {
  /** As it was opened or last saved. */
  saved: Dashboard;
  now: Dashboard;
  past: Edit[];
  future: Edit[];
}

const PAST_MAX = 200;

export const begin = (dashboard: Dashboard): History => ({ saved: dashboard, now: dashboard, past: [], future: [] });

/** Edits of the same kind in a row (typing into one field) are one: `merge` names the field. */
export function edited(history: History, dashboard: Dashboard, did: string, merge = false): History {
  if (JSON.stringify(dashboard) === JSON.stringify(history.now)) return history;
  const last = history.past.at(-1);
  if (merge && last?.did === did && history.future.length === 0) return { ...history, now: dashboard };
  return { ...history, now: dashboard, past: [...history.past, { dashboard: history.now, did }].slice(-PAST_MAX), future: [] };
}

export function undone(history: History): History {
  const last = history.past.at(-1);
  return last ? { ...history, now: last.dashboard, past: history.past.slice(0, -1), future: [{ dashboard: history.now, did: last.did }, ...history.future] } : history;
}

export function redone(history: History): History {
  const [next, ...rest] = history.future;
  return next ? { ...history, now: next.dashboard, past: [...history.past, { dashboard: history.now, did: next.did }], future: rest } : history;
}

export const isChanged = (history: History): boolean => history.now !== history.saved && JSON.stringify(history.now) !== JSON.stringify(history.saved);
