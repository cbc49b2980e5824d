/** Queries this browser keeps: named ones first, then the latest that were run. */

import { Bookmark, X } from "lucide-react";
import { useState } from "react";
import { forget, saveAs, type SavedKind, useSaved } from "@/preferences/saved";
import { Popover } from "./layers";

export interface SavedQueriesProps {
  kind: SavedKind;
  /** What is written now, to be saved. */
  text: string;
  onPick: (text: string) => void;
}

export function SavedQueries({ kind, text, onPick }: SavedQueriesProps) {
  const saved = useSaved(kind);
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  return (
    <Popover label="Saved queries" align="end" open={open} onOpenChange={setOpen} trigger={<button type="button" className="btn"><Bookmark className="ico" aria-hidden />Saved</button>}>
      <div style={{ width: 460, maxWidth: "80vw" }}>
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault();
            event.stopPropagation();
            saveAs(kind, name.trim(), text);
            setName("");
          }}
        >
          <input className="input grow" value={name} onChange={(event) => setName(event.target.value)} placeholder="Name for the query as it is now" aria-label="Name of the query" />
          <button type="submit" className="btn" disabled={name.trim() === "" || text.trim() === ""}>Save</button>
        </form>
        <ul style={{ maxHeight: 320, overflow: "auto", paddingTop: 8 }}>
          {saved.map((one, index) => (
            <li key={index} className="row">
              <button type="button" className="btn quiet grow" style={{ justifyContent: "flex-start" }} title={one.text} onClick={() => {
                onPick(one.text);
                setOpen(false);
              }}>
                {one.name !== "" && <b>{one.name}</b>}<code className="clip dim">{one.text.replaceAll(/\s+/g, " ")}</code>
              </button>
              <button type="button" className="btn quiet icon" aria-label={`Forget ${one.name === "" ? "this query" : one.name}`} onClick={() => forget(kind, one)}><X className="ico" aria-hidden /></button>
            </li>
          ))}
        </ul>
        <p className="small faint">{saved.length === 0 ? "Queries you run are listed here. " : ""}Kept in this browser.</p>
      </div>
    </Popover>
  );
}
