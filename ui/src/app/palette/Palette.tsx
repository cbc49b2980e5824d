/** One box that goes anywhere: ids, names, pages, times, queries, actions. */

import { Dialog } from "@base-ui/react/dialog";
import { Search } from "lucide-react";
import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import styles from "./Palette.module.css";
import { palette } from "./open";
import { usePalette } from "./usePalette";

export default function Palette() {
  const open = palette.use();
  const [typed, setTyped] = useState("");
  // What is typed before the box has the focus belongs into it, and is no key of the page.
  useLayoutEffect(() => {
    const early = (event: globalThis.KeyboardEvent) => {
      if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey || document.activeElement?.matches("input, textarea, [contenteditable]")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      setTyped((before) => before + event.key);
    };
    window.addEventListener("keydown", early, true);
    return () => window.removeEventListener("keydown", early, true);
  }, []);
  return (
    <Dialog.Root open={open} onOpenChange={palette.setOpen}>
      <Dialog.Portal>
        <Dialog.Backdrop className={styles.backdrop} />
        <Dialog.Popup className={`layer ${styles.popup}`} aria-label="Go to, search, act">
          <Box typed={typed} setTyped={setTyped} />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Box({ typed, setTyped }: { typed: string; setTyped: (text: string) => void }) {
  const [active, setActive] = useState(0);
  const { entries, choose, partial, reading } = usePalette(typed);
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const index = Math.min(active, entries.length - 1);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [index]);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const entry = entries[index];
    if (step !== undefined && entries.length > 0) {
      event.preventDefault();
      setActive((index + step + entries.length) % entries.length);
    } else if (event.key === "Enter" && entry) {
      event.preventDefault();
      choose(entry);
    }
  };
  return (
    <>
      <div className={styles.box}>
        <Search className="ico" aria-hidden />
        <input
          className={styles.input} value={typed} placeholder="Service, SLO, alert, metric, trace id, time, query, action" aria-label="Go to, search, act"
          role="combobox" aria-expanded="true" aria-controls={`${id}list`} aria-activedescendant={entries.length > 0 ? `${id}${index}` : undefined} autoComplete="off" spellCheck={false} autoFocus
          onChange={(event) => {
            setTyped(event.target.value);
            setActive(0);
          }}
          onKeyDown={onKeyDown}
        />
        <kbd>Esc</kbd>
      </div>
      <div ref={list} id={`${id}list`} role="listbox" aria-label="Found" className={styles.list}>
        {entries.map((entry, at) => [
          entries[at - 1]?.section !== entry.section && <div key={`${entry.section}/head`} className={styles.section} role="presentation">{entry.section}</div>,
          <div
            key={`${entry.section}/${entry.label}/${JSON.stringify(entry.act)}`} id={`${id}${at}`} role="option" aria-selected={at === index} className={styles.entry}
            onMouseMove={() => setActive(at)} onClick={() => choose(entry)}
          >
            <span className="clip">{entry.label}</span>{entry.note && <span className={`clip ${styles.note}`}>{entry.note}</span>}
          </div>,
        ])}
        {entries.length === 0 && <p className={styles.section}>Nothing is called so.</p>}
      </div>
      {reading && <p className={styles.partial} role="status">Names are still being read.</p>}
      {partial && <p className={styles.partial} role="status">Some names could not be read; what is found is not all.</p>}
    </>
  );
}
