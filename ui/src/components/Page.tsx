import { type ReactNode, useContext, useEffect } from "react";
import { TimeContext } from "./location/time";
import styles from "./Page.module.css";

export interface PageProps {
  /** The one `h1`: the page's sentence of fact, or its subject's name. */
  title: ReactNode;
  /** For the browser's tab and the trail, when `title` is not a plain text. */
  name?: string;
  /** Beside the title: chips, then quiet facts. */
  note?: ReactNode;
  /** At the right end: buttons. */
  actions?: ReactNode;
  /** Parameters of the link whose values are none (from `useView`). */
  ignored?: string[];
  /** The explorers' last line: rows, segments, ms, what is missing. */
  status?: ReactNode;
  /** Takes the whole height; its parts scroll, not the page. */
  fill?: boolean;
  /** From edge to edge, with a head of its own; the `h1` is there for screen readers only. Fills the height. */
  bare?: boolean;
  /** The `h1` stands among the children: of a bare page that says its sentence in a place of its own. */
  headed?: boolean;
  /** Reaches the window's edges, on one surface: for pages that are one large panel. Implies `fill`. */
  edge?: boolean;
  children: ReactNode;
}

/** Every page's frame. */
export function Page({ title, name, note, actions, ignored: ofView = [], status, fill = false, bare = false, headed = false, edge = false, children }: PageProps) {
  const tab = name ?? (typeof title === "string" ? title : "Binnacle");
  const ignored = [...(useContext(TimeContext)?.ignored ?? []), ...ofView];
  useEffect(() => {
    document.title = `${tab} · Binnacle`;
  }, [tab]);
  return (
    <>
      <main id="main" className={styles.main} data-fill={fill || bare || edge || undefined} data-bare={bare || undefined} data-edge={edge || undefined} tabIndex={-1}>
        <div className={styles.width}>
          {!headed && (
            <div className={bare ? "visually-hidden" : styles.head}>
              <h1>{title}</h1>
              {note && <div className={styles.note}>{note}</div>}
              {actions && <div className={styles.actions}>{actions}</div>}
            </div>
          )}
          {ignored.length > 0 && (
            <p className={styles.notice} role="status">
              The link’s {ignored.map((one) => `“${one}”`).join(", ")} {ignored.length === 1 ? "has a value" : "have values"} this page does not know; the default is shown.
            </p>
          )}
          {children}
        </div>
      </main>
      {status && <footer className={styles.status}>{status}</footer>}
    </>
  );
}
