/** The fields of what was found, their values as bars; a click narrows the search. */

import { useMemo, useState } from "react";
import { type LogFacet, useLogFacets, useLogRecords } from "@/api/logs";
import { ErrorFace, Loading } from "@/components/FiveFaces";
import { useKeys } from "@/components/keys/keys";
import type { Range } from "@/model/range";
import { count, group } from "@/model/units";
import { fieldsOf } from "@/components/logs/fieldList";
import styles from "./logs.module.css";
import { has, term } from "@/components/logs/query";

/** Shown without being asked for. */
const SHOWN = 6;
const VALUES = 5;
const ALWAYS = ["severity", "service"];
const RECORDS_LOOKED_AT = 200;

export interface FieldsProps {
  search: string;
  range: Range;
  onPick: (condition: string, exclude: boolean) => void;
}

export function Fields({ search, range, onPick }: FieldsProps) {
  const [wanted, setWanted] = useState("");
  const [all, setAll] = useState(false);
  const sample = useLogRecords(search, range, RECORDS_LOOKED_AT);
  const known = useMemo(() => [...ALWAYS, ...fieldsOf(sample.data?.logs ?? []).map((field) => field.key)], [sample.data]);
  const matching = wanted === "" ? known : known.filter((key) => key.toLowerCase().includes(wanted.toLowerCase()));
  const shown = matching.slice(0, all || wanted !== "" ? 30 : SHOWN);
  // Those that every record has are counted while it is still looked which others there are.
  const facets = useLogFacets(search, range, shown, VALUES);
  const error = sample.error ?? facets.error;
  useKeys([{ keys: "f", does: "Find a field", run: () => document.getElementById("find-a-field")?.focus() }]);
  const rest = matching.length - shown.length;

  return (
    <section className={styles.fields} aria-label="Fields">
      <input
        id="find-a-field" className={styles.find} aria-label="Find a field" placeholder="Find a field (f)" value={wanted} onChange={(event) => setWanted(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
      {error && <ErrorFace error={error} retry={() => void (sample.error ? sample.refetch() : facets.refetch())} />}
      {!facets.data && !error && <Loading rows={12} />}
      {facets.data?.facets.filter((facet) => shown.includes(facet.field) && facet.values.length > 0).map((facet) => (
        <FieldValues key={facet.field} facet={facet} total={facets.data.total} search={search} onPick={onPick} />
      ))}
      {shown.length === 0 && <p className="faint small" style={{ padding: "0 12px" }}>No field is named so.</p>}
      {rest > 0 && !all && <button type="button" className={styles.more} onClick={() => setAll(true)}>{rest} more fields</button>}
      {all && wanted === "" && <button type="button" className={styles.more} onClick={() => setAll(false)}>Fewer fields</button>}
    </section>
  );
}

function FieldValues({ facet, total, search, onPick }: { facet: LogFacet; total: number; search: string; onPick: FieldsProps["onPick"] }) {
  return (
    <>
      <h3 title={`${group(total - facet.missing)} of ${group(total)} records have it`}>
        <b className="clip" style={{ fontWeight: 500 }}>{facet.field}</b>
        <span>{facet.distinct > facet.values.length || facet.field !== "severity" ? `${count(facet.distinct)} ${facet.distinct === 1 ? "value" : "values"}` : ""}</span>
      </h3>
      <ul>
        {facet.values.map(({ value, count: records }) => {
          const condition = term(facet.field, value);
          const text = facet.field === "severity" && typeof value === "string" ? value.toUpperCase() : typeof value === "string" ? value : JSON.stringify(value);
          return (
            <li key={condition}>
              <button
                type="button" className={styles.value} style={{ "--share": total > 0 ? records / total : 0 } as React.CSSProperties} aria-pressed={has(search, condition)}
                title={`${text}: ${group(records)}. Click filters, Alt-click excludes.`} onClick={(event) => onPick(condition, event.altKey)}
              >
                <span className="clip">{text === "" ? "(empty)" : text}</span>
                <b>{count(records)}</b>
              </button>
            </li>
          );
        })}
      </ul>
    </>
  );
}
