/** A number that is a door: it leads to its rows, and copies as its query. */

import { Copy } from "lucide-react";
import type { ReactNode } from "react";
import { CopyAs, type Sources } from "./CopyAs";
import { Go, type GoProps } from "./location/Go";
import styles from "./Figure.module.css";

export interface FigureProps {
  /** As shown: from model/units.ts. */
  children: ReactNode;
  /** The exact value, on hover. */
  exact?: string;
  /** Where its rows are. */
  to?: string;
  search?: GoProps["search"];
  sources?: Sources;
  /** What it is, for screen readers: "errors of checkout". */
  label?: string;
  tone?: "good" | "warn" | "bad" | "hold" | undefined;
}

export function Figure({ children, exact, to, search, sources, label, tone }: FigureProps) {
  const value = to ? <Go className={styles.door} to={to} {...(search ? { search } : {})} title={exact}>{children}</Go> : <span title={exact}>{children}</span>;
  return (
    <span className={`${styles.figure} ${tone ?? ""}`}>
      {value}
      {sources && (
        <CopyAs
          sources={exact === undefined ? sources : { value: exact, ...sources }}
          trigger={<button type="button" className={styles.copy} aria-label={`Copy ${label ?? "this number"} as…`}><Copy size={12} aria-hidden /></button>}
        />
      )}
    </span>
  );
}

/** A number on a tile: label above, number, what it is made of below. */
export function Tile({ label, children, note, below, tone }: { label: ReactNode; children: ReactNode; note?: ReactNode; below?: ReactNode; tone?: FigureProps["tone"] }) {
  return (
    <div className={styles.tile}>
      <div className="small dim">{label}</div>
      <div className={styles.value}><strong className={tone}>{children}</strong> {note && <span className="small dim">{note}</span>}</div>
      {below && <div className={`small dim ${styles.below}`}>{below}</div>}
    </div>
  );
}

/** Tiles side by side in one panel. */
export const Tiles = ({ children }: { children: ReactNode }) => <div className={styles.tiles}>{children}</div>;
