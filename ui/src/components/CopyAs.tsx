/** A number's query, to take away: curl, SQL, PromQL. */

import { Copy } from "lucide-react";
import { type ReactElement, useEffect, useState } from "react";
import { sqlCurl } from "@/api/sql";
import { Menu, type MenuItem } from "./layers";

export interface Sources {
  sql?: string;
  promql?: string;
  traceql?: string;
  logql?: string;
  /** The whole command; made of `sql` when left out. See `curl()` in api/sql.ts. */
  curl?: string;
  /** The value itself, exact. */
  value?: string;
}

const NAMES: Record<keyof Sources, string> = { value: "value", sql: "SQL", promql: "PromQL", traceql: "TraceQL", logql: "LogQL", curl: "curl" };

export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Menu items that copy; `done` is told what was. */
export function copyItems(sources: Sources, done: (what: string) => void): MenuItem[] {
  const all: Sources = { ...sources, ...(sources.curl === undefined && sources.sql !== undefined ? { curl: sqlCurl(sources.sql) } : {}) };
  return (Object.keys(NAMES) as (keyof Sources)[]).flatMap((kind) => {
    const text = all[kind];
    if (text === undefined) return [];
    return [{ label: `Copy as ${NAMES[kind]}`, onSelect: () => void copy(text).then((ok) => done(ok ? `Copied as ${NAMES[kind]}` : "The browser did not allow copying")) }];
  });
}

/** A menu of what can be copied; `trigger` replaces its button. */
export function CopyAs({ sources, trigger, label = "Copy as" }: { sources: Sources; trigger?: ReactElement; label?: string }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (said === "") return;
    const timer = setTimeout(() => setSaid(""), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <>
      <Menu trigger={trigger ?? <button type="button" className="btn quiet"><Copy className="ico" aria-hidden />{said || label}</button>} items={copyItems(sources, setSaid)} />
      <span className="visually-hidden" role="status">{said}</span>
    </>
  );
}
