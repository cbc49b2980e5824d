/** A box for a query in any of our languages. CodeMirror loads on demand; until it has, a plain box works the same. */

import { lazy, type RefObject, Suspense, useLayoutEffect, useRef } from "react";
import type { Position } from "@/api/error";
import { contentFirst, wantNow } from "./contentFirst";
import styles from "./QueryBox.module.css";

export type Language = "promql" | "sql" | "traceql" | "logs" | "plain";

/** What may stand at a position: asked as one types, answered from anywhere. */
export type Complete = (word: string, before: string) => Promise<Completion[]> | Completion[];
export interface Completion {
  label: string;
  /** Beside it, quieter: a count or a type. */
  detail?: string;
  /** Inserted in its place. */
  insert?: string;
}

export interface QueryBoxProps {
  value: string;
  onChange: (text: string) => void;
  /** Enter (Ctrl-Enter where a query may have several lines). */
  onRun: () => void;
  language: Language;
  label: string;
  placeholder?: string;
  /** Several lines: Enter makes one, Ctrl-Enter runs. */
  multiline?: boolean;
  complete?: Complete;
  /** Underlined at its position, with its sentence. */
  error?: { message: string; position: Position | null } | null;
  minHeight?: number;
  /** Holds `$names` that stand for something else: the language's own checks would take them for errors. */
  variables?: boolean;
  /** Put where the cursor is; each new object once. */
  insert?: { text: string } | null;
}

/** Where the cursor stood in the plain box, when the editor takes over from it. */
export interface Handover {
  from: number;
  to: number;
}

export interface BoxProps extends QueryBoxProps {
  handover: RefObject<Handover | null>;
}

// 150 kB that show nothing new: they wait for the page's content, but not for somebody who types.
// Where they cannot be had, the plain box stays: it asks the same.
const Editor = lazy(() => contentFirst().then(() => import("./QueryEditor")).catch(() => ({ default: PlainBox })));

export function QueryBox(props: QueryBoxProps) {
  const handover = useRef<Handover | null>(null);
  return (
    <div className={styles.box} style={{ minHeight: props.minHeight ?? 32 }} data-query-box>
      <Suspense fallback={<PlainBox {...props} handover={handover} />}>
        <Editor {...props} handover={handover} />
      </Suspense>
    </div>
  );
}

function PlainBox({ value, onChange, onRun, label, placeholder, multiline, handover }: BoxProps) {
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    // Who types already goes on typing in the editor.
    return () => {
      handover.current = element && document.activeElement === element ? { from: element.selectionStart, to: element.selectionEnd } : null;
    };
  }, [handover]);
  return (
    <textarea
      ref={box} onFocus={wantNow} onPointerEnter={wantNow}
      className={styles.plain} rows={1} value={value} aria-label={label} placeholder={placeholder} spellCheck={false}
      onChange={(event) => onChange(event.target.value)}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || (multiline && !event.ctrlKey)) return;
        event.preventDefault();
        onRun();
      }}
    />
  );
}
