/** The keys of this page, then those of every page. */

import { useBindings } from "@/components/keys/keys";
import { Dialog } from "@/components/layers";
import { Choice } from "@/components/Tabs";
import { setPreferences, usePreferences } from "@/preferences/preferences";
import styles from "./Help.module.css";
import { help } from "./open";

const MEANT_EVERYWHERE = [
  { keys: "Enter", does: "Open the row" }, { keys: "Escape", does: "Close what is on top" },
];

export default function Help() {
  const open = help.use();
  const bindings = useBindings();
  const { singleKeys } = usePreferences();
  const page = bindings.filter((binding) => !binding.global);
  const everywhere = [...bindings.filter((binding) => binding.global), ...MEANT_EVERYWHERE];
  return (
    <Dialog open={open} onOpenChange={help.setOpen} title="Keys" wide>
      <div className={styles.columns}>
        {page.length > 0 && <List title="On this page" bindings={page} />}
        <List title="On every page" bindings={everywhere} />
      </div>
      <div className={styles.foot}>
        Single keys
        <Choice label="Single keys" value={singleKeys ? "on" : "off"} options={[{ id: "on", label: "On" }, { id: "off", label: "Off" }]} onChange={(next) => setPreferences({ singleKeys: next === "on" })} />
        <span className="dim">Off while typing in any case.</span>
      </div>
    </Dialog>
  );
}

function List({ title, bindings }: { title: string; bindings: readonly { keys: string; does: string }[] }) {
  return (
    <section>
      <h3 className={styles.title}>{title}</h3>
      <dl className={styles.list}>
        {bindings.map(({ keys, does }) => (
          <div key={keys} className={styles.row}>
            <dt>{keys.split(" ").map((key) => <kbd key={key}>{key.replace("ArrowLeft", "←").replace("ArrowRight", "→")}</kbd>)}</dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
