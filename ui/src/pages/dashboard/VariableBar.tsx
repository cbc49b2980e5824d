/** The dashboard's variables, each with its values. */

import { Check, ChevronDown } from "lucide-react";
import { useMemo, useState } from "react";
import { Popover } from "@/components/layers";
import type { Variable } from "@/model/dashboard/document";
import type { Chosen } from "@/model/dashboard/variables";
import { group } from "@/model/units";
import type { Variables } from "./useVariables";
import styles from "./dashboard.module.css";

export function VariableBar({ variables, found }: { variables: readonly Variable[]; found: Variables }) {
  if (variables.length === 0) return null;
  return (
    <div className={styles.variables} role="group" aria-label="Variables">
      {variables.map((variable) => {
        const chosen = found.choices.get(variable.name) ?? { all: false, values: [] };
        const label = variable.label || variable.name;
        return variable.kind === "text"
          ? <Typed key={`${variable.name}/${chosen.all ? "" : (chosen.values[0] ?? "")}`} label={label} value={chosen.all ? "" : (chosen.values[0] ?? "")} onChange={(value) => found.choose(variable, { all: false, values: [value] })} />
          : <Picker key={variable.name} label={label} variable={variable} chosen={chosen} values={found.values.get(variable.name) ?? []} error={found.errors.get(variable.name)?.what} onChoose={(next) => found.choose(variable, next)} />;
      })}
    </div>
  );
}

function Typed({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const [draft, setDraft] = useState(value);
  return (
    <label className={styles.typed}>
      <span className="small dim">{label}</span>
      <input className="input" value={draft} onChange={(event) => setDraft(event.target.value)} onBlur={() => draft !== value && onChange(draft)} onKeyDown={(event) => event.key === "Enter" && onChange(draft)} />
    </label>
  );
}

const VALUES_SHOWN = 200;

interface PickerProps {
  label: string;
  variable: Variable;
  chosen: Chosen;
  values: readonly string[];
  error?: string | undefined;
  onChoose: (chosen: Chosen) => void;
}

function words(chosen: Chosen): string {
  if (chosen.all) return "All";
  if (chosen.values.length === 0) return "none";
  return chosen.values.length > 2 ? `${chosen.values[0] ?? ""} + ${chosen.values.length - 1}` : chosen.values.join(", ");
}

function Picker({ label, variable, chosen, values, error, onChoose }: PickerProps) {
  const [open, setOpen] = useState(false);
  const [find, setFind] = useState("");
  const selected = useMemo(() => new Set(chosen.all ? [] : chosen.values), [chosen]);
  // What is chosen is there, also where the range has no such value any more.
  const all = useMemo(() => [...new Set([...values, ...selected])], [values, selected]);
  const found = all.filter((value) => value.toLowerCase().includes(find.toLowerCase()));
  const pick = (value: string) => {
    if (!variable.multi) {
      onChoose({ all: false, values: [value] });
      setOpen(false);
      return;
    }
    const next = selected.has(value) ? [...selected].filter((one) => one !== value) : [...selected, value];
    onChoose(next.length === 0 && variable.all ? { all: true } : { all: false, values: next });
  };
  const option = (key: string, text: string, on: boolean, run: () => void) => (
    <li key={key}>
      <button type="button" className={styles.option} role={variable.multi ? "checkbox" : "radio"} aria-checked={on} onClick={run}>
        <span className={styles.tick} aria-hidden>{on && <Check size={14} />}</span><span className="clip">{text}</span>
      </button>
    </li>
  );
  return (
    <Popover
      open={open} onOpenChange={setOpen} label={label}
      trigger={<button type="button" className="btn"><span className="faint">{label}</span>{" "}<span className={`clip ${styles.chosen}`}>{words(chosen)}</span><ChevronDown className="ico" aria-hidden /></button>}
    >
      <div className={styles.picker}>
        <input className="input" type="search" placeholder="Find, or type a value" aria-label={`Find a value of ${label}`} value={find} onChange={(event) => setFind(event.target.value)} onKeyDown={(event) => event.key === "Enter" && find !== "" && pick(found[0] ?? find)} />
        {error && <p className="bad small">{error}</p>}
        <ul role={variable.multi ? "group" : "radiogroup"} aria-label={label}>
          {variable.all && find === "" && option("all values", "All", chosen.all, () => {
            onChoose({ all: true });
            if (!variable.multi) setOpen(false);
          })}
          {found.slice(0, VALUES_SHOWN).map((value) => option(`value ${value}`, value === "" ? "(empty)" : value, selected.has(value), () => pick(value)))}
        </ul>
        {found.length === 0 && <p className="small dim">{find === "" ? "No value in this range." : <>None of {group(all.length)} values. <button type="button" className="btn quiet" onClick={() => pick(find)}>Take “{find}”</button></>}</p>}
        {found.length > VALUES_SHOWN && <p className="small dim">{group(found.length - VALUES_SHOWN)} more: type to find them.</p>}
      </div>
    </Popover>
  );
}
