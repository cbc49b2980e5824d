import { Building2 } from "lucide-react";
import { useState } from "react";
import { useStatus } from "@/api/status";
import { Popover } from "@/components/layers";
import { DEFAULT_TENANT, isTenant, setPreferences, usePreferences } from "@/preferences/preferences";
import styles from "./Tenant.module.css";

/** Says whose telemetry is shown, and lets another's be: each tenant sees only what was sent in its name. */
export function Tenant() {
  const { tenant } = usePreferences();
  const own = useStatus().data?.telemetry_tenant;
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const choose = (name: string) => {
    setPreferences({ tenant: name });
    setTyped("");
    setOpen(false);
  };
  const trigger = (
    <button type="button" className={`btn quiet ${styles.trigger}`} aria-label={`Tenant, now ${tenant}`} title="Whose telemetry is shown">
      <Building2 className="ico" aria-hidden />{tenant !== DEFAULT_TENANT && <span className="clip">{tenant}</span>}
    </button>
  );
  return (
    <Popover open={open} onOpenChange={setOpen} label="Tenant" align="end" trigger={trigger}>
      <div className={styles.choice}>
        <p>Telemetry of one tenant is shown at a time: what was sent with its name in <code>X-Scope-OrgID</code>.</p>
        <button type="button" className="btn" aria-pressed={tenant === DEFAULT_TENANT} onClick={() => choose(DEFAULT_TENANT)}>{DEFAULT_TENANT} <span className="dim">sent without a name</span></button>
        {own && <button type="button" className="btn" aria-pressed={tenant === own} onClick={() => choose(own)}>{own} <span className="dim">this server itself</span></button>}
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault();
            if (isTenant(typed)) choose(typed);
          }}
        >
          <input className="input" aria-label="Name of another tenant" placeholder="another…" value={typed} onChange={(event) => setTyped(event.target.value.trim())} />
          <button type="submit" className="btn" disabled={!isTenant(typed)}>Show</button>
        </form>
        {typed !== "" && !isTenant(typed) && <p className="bad">Letters, digits, _, - and . make a name, 64 at most.</p>}
      </div>
    </Popover>
  );
}
