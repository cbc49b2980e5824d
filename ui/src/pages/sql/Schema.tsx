/** Tables, their columns, the attributes they carry; a click puts a name where the cursor is. */

import { ChevronDown, ChevronRight } from "lucide-react";
import { useMemo, useState } from "react";
import { useAttributeKeys, useSchema, useTableSizes } from "@/api/console";
import { FiveFaces } from "@/components/FiveFaces";
import { bytes, short } from "@/model/units";
import styles from "./sql.module.css";
import { typeWord } from "@/components/sql/types";

export interface SchemaProps {
  onInsert: (text: string) => void;
  onLook: (table: string) => void;
}

/** The three signals first, then what is made of them. */
const ORDER = ["spans", "logs", "metric_points", "series", "exemplars", "span_events", "span_links", "red", "edges"];
const place = (table: string): number => (ORDER.includes(table) ? ORDER.indexOf(table) : ORDER.length);
const KEYS_SHOWN = 40;

export function Schema({ onInsert, onLook }: SchemaProps) {
  const schema = useSchema();
  const keys = useAttributeKeys();
  const sizes = useTableSizes();
  const [find, setFind] = useState("");
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set(["spans"]));
  const tables = useMemo(() => [...new Set((schema.data?.rows ?? []).map((column) => column.table_name))].sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1)), [schema.data]);
  const wanted = find.toLowerCase();
  const toggle = (table: string) => setOpen((before) => {
    const next = new Set(before);
    if (!next.delete(table)) next.add(table);
    return next;
  });
  return (
    <section className={styles.schema} aria-label="Tables">
      <input className={`input ${styles.find ?? ""}`} value={find} onChange={(event) => setFind(event.target.value)} placeholder="Find a table, column or key" aria-label="Find a table, column or key" />
      <FiveFaces query={schema} rows={12}>
        {(data) => (
          <ul>
            {tables.map((table) => {
              const columns = data.rows.filter((column) => column.table_name === table && (table.includes(wanted) || column.column_name.includes(wanted)));
              const own = (keys.data?.rows ?? []).filter((key) => key.table === table && (wanted === "" || key.key.toLowerCase().includes(wanted)));
              if (wanted !== "" && columns.length === 0 && own.length === 0) return null;
              const size = sizes.data?.rows.find((one) => one.table === table);
              const shown = open.has(table) || (wanted !== "" && !table.includes(wanted));
              return (
                <li key={table}>
                  <div className={styles.table}>
                    <button type="button" aria-expanded={shown} onClick={() => toggle(table)}>{shown ? <ChevronDown size={14} aria-hidden /> : <ChevronRight size={14} aria-hidden />}<span className="clip">{table}</span></button>
                    {size && <small title={`${bytes(size.bytes)} in segments`}>{short(size.rows)}</small>}
                    <button type="button" className={styles.look} onClick={() => onLook(table)} aria-label={`Look at ${table}`}>look</button>
                  </div>
                  {shown && (
                    <div className={styles.columns}>
                      {columns.map((column) => (
                        <button key={column.column_name} type="button" onClick={() => onInsert(column.column_name)} title={`${column.column_name} ${column.data_type}${column.is_nullable === "YES" ? ", may be null" : ""}`}>
                          <b className="clip" style={{ fontWeight: 400 }}>{column.column_name}</b><span>{typeWord(column.data_type)}</span>
                        </button>
                      ))}
                      {own.length > 0 && <h3>attributes</h3>}
                      {own.slice(0, KEYS_SHOWN).map((key) => (
                        <button key={`${key.key}/${key.type ?? ""}`} type="button" onClick={() => onInsert(`attributes['${key.key.replaceAll("'", "''")}']`)}>
                          <b className="clip" style={{ fontWeight: 400 }}>{key.key}</b><span>{key.type ?? ""}</span>
                        </button>
                      ))}
                      {own.length > KEYS_SHOWN && <p className="small faint" style={{ padding: "0 4px" }}>and {own.length - KEYS_SHOWN} more: find them above</p>}
                    </div>
                  )}
                </li>
              );
            })}
          </ul>
        )}
      </FiveFaces>
    </section>
  );
}
