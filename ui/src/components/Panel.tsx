import { type ReactNode, useId } from "react";
import styles from "./Panel.module.css";

export interface PanelProps {
  title?: ReactNode;
  /** Beside the title, quieter: `worst first · one point a minute`. */
  note?: ReactNode;
  /** At the head's right end. */
  tools?: ReactNode;
  /** Without padding, for tables and lists that reach the edge. */
  flush?: boolean;
  className?: string | undefined;
  children: ReactNode;
}

/** A bordered box with a head. */
export function Panel({ title, note, tools, flush = false, className, children }: PanelProps) {
  const id = useId();
  return (
    <section className={`panel ${styles.panel} ${className ?? ""}`} aria-labelledby={title ? id : undefined}>
      {title && (
        <header className={styles.head}>
          <h2 id={id}>{title}</h2>
          {note && <span className="small faint clip">{note}</span>}
          {tools && <span className={styles.tools}>{tools}</span>}
        </header>
      )}
      <div className={flush ? styles.flush : title ? styles.body : styles.bare}>{children}</div>
    </section>
  );
}
