/** Loading, empty, error, partial, full: what every view shows. */

import { RotateCw } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { asApiError } from "@/api/error";
import type { Result } from "@/api/query";
import { fromMs, hms } from "@/model/time";
import { useZone } from "@/preferences/preferences";
import styles from "./FiveFaces.module.css";

export interface FiveFacesProps<T> {
  query: Pick<Result<T>, "data" | "error" | "isFetching" | "dataUpdatedAt"> & { refetch: () => Promise<unknown> };
  /** Whether an answer holds nothing to show. */
  isEmpty?: (data: T) => boolean;
  /** What was searched, why it may be empty, the nearest thing that is not: see {@link Empty}. */
  empty?: ReactNode;
  /** Over the data when it is not all: see {@link Partial}; null when it is. */
  partial?: (data: T) => ReactNode;
  /** Height in px while there is nothing yet, so that the layout does not shift. */
  height?: number;
  /** Grey bars in place of rows. */
  rows?: number;
  children: (data: T) => ReactNode;
}

export function FiveFaces<T>({ query, isEmpty, empty, partial, height, rows = 3, children }: FiveFacesProps<T>) {
  const { data, error } = query;
  if (data === undefined) return error ? <ErrorFace error={error} retry={() => void query.refetch()} height={height} /> : <Loading rows={rows} height={height} />;
  return (
    <>
      {error && <ErrorFace error={error} retry={() => void query.refetch()} asOf={query.dataUpdatedAt} />}
      {isEmpty?.(data) ? (empty ?? <Empty>Nothing in this range.</Empty>) : (
        <>
          {partial?.(data)}
          {children(data)}
        </>
      )}
    </>
  );
}

/** A sentence and a button in a taller box are lost in it. */
const ERROR_HEIGHT_MAX = 120;

/** Nothing for 150 ms, then grey bars. */
export function Loading({ rows = 3, height }: { rows?: number; height?: number | undefined }) {
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setVisible(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className={styles.loading} style={{ height: height ?? rows * 28 }} aria-busy="true">
      <span className="visually-hidden" role="status">Loading</span>
      {visible && Array.from({ length: rows }, (_, i) => <span key={i} className={styles.bone} style={{ width: `${92 - ((i * 37) % 45)}%` }} />)}
    </div>
  );
}

/** What was searched and why nothing is there; `actions` are what to try. */
export function Empty({ title, children, actions }: { title?: ReactNode; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className={styles.empty}>
      {title && <strong>{title}</strong>}
      {children && <div className="dim">{children}</div>}
      {actions && <div className="row wrap">{actions}</div>}
    </div>
  );
}

/** What went wrong, what to do, the code. With `asOf` the old data stay below. */
export function ErrorFace({ error, retry, asOf, height }: { error: unknown; retry?: () => void; asOf?: number; height?: number | undefined }) {
  const zone = useZone();
  const { what, hint, code, position, isMalformed } = asApiError(error);
  return (
    <div className={styles.error} role="alert" style={asOf === undefined && height ? { minHeight: Math.min(height, ERROR_HEIGHT_MAX) } : undefined}>
      <span>
        {what} {position && `Line ${position.line}, column ${position.column}. `}
        {hint && <span className="dim">{hint} </span>}
        {asOf !== undefined && asOf > 0 && <span className="dim">Shown as of {hms(fromMs(asOf), zone)}. </span>}
        <code className="faint">{code}</code>
      </span>
      {retry && !isMalformed && <button type="button" className="btn" onClick={retry}><RotateCw className="ico" aria-hidden /> Try again</button>}
    </div>
  );
}

/** What is here, what is not, which limit, how to go on. */
export function Partial({ children, actions }: { children: ReactNode; actions?: ReactNode }) {
  return (
    <div className={styles.partial} role="status">
      <span>{children}</span>
      {actions}
    </div>
  );
}
