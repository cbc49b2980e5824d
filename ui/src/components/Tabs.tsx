import { Tabs as Base } from "@base-ui/react/tabs";
import type { ReactNode } from "react";
import styles from "./Tabs.module.css";

export interface Tab<Id extends string> {
  id: Id;
  label: ReactNode;
  /** Beside the label, quieter. */
  count?: ReactNode;
}

export interface TabsProps<Id extends string> {
  tabs: readonly Tab<Id>[];
  value: Id;
  onChange: (id: Id) => void;
  label: string;
  /** The panel of the tab chosen. */
  children?: ReactNode;
  tools?: ReactNode;
}

export function Tabs<Id extends string>({ tabs, value, onChange, label, children, tools }: TabsProps<Id>) {
  return (
    <Base.Root value={value} onValueChange={(next) => onChange(next as Id)} className={styles.root}>
      <div className={styles.head}>
        <Base.List className={styles.list} aria-label={label} activateOnFocus={false}>
          {tabs.map((tab) => (
            <Base.Tab key={tab.id} value={tab.id} className={styles.tab}>
              {tab.label} {tab.count !== undefined && <span className="faint">{tab.count}</span>}
            </Base.Tab>
          ))}
        </Base.List>
        {tools && <span className={styles.tools}>{tools}</span>}
      </div>
      <Base.Panel value={value} className={styles.panel} key={value}>{children}</Base.Panel>
    </Base.Root>
  );
}

/** Few choices side by side, one pressed: `Table | Map`. */
export function Choice<Id extends string>({ label, options, value, onChange }: { label: string; options: readonly { id: Id; label: ReactNode }[]; value: Id; onChange: (id: Id) => void }) {
  return (
    <span className="group" role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.id} type="button" className="btn" aria-pressed={option.id === value} onClick={() => onChange(option.id)}>{option.label}</button>
      ))}
    </span>
  );
}
