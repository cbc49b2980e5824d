import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { beginFault, endFault, useFaults } from "@/api/demo";
import { type ApiError, asApiError } from "@/api/error";
import { FAULT_LASTS, faultName, faultState, isPlanned } from "@/components/demo";
import { ErrorFace } from "@/components/FiveFaces";
import { Panel } from "@/components/Panel";
import styles from "./overview.module.css";

/** What can be broken in the demo's shop, to see what Binnacle makes of it. Nothing outside of the demo. */
export function Faults() {
  const { faults } = useFaults();
  const client = useQueryClient();
  const [error, setError] = useState<ApiError | null>(null);
  if (!faults) return null;
  const act = (request: Promise<unknown>) => {
    setError(null);
    request.then(() => client.invalidateQueries()).catch((cause: unknown) => setError(asApiError(cause)));
  };
  return (
    <Panel title="Break the demo" note="each ends by itself after 5 min" flush>
      {error && <ErrorFace error={error} />}
      <ul className={styles.faults} aria-label="Faults of the demo">
        {faults.map((fault) => (
          <li key={fault.name}>
            <b>{faultName(fault.name)}</b>
            {isPlanned(fault) ? <button type="button" className="btn" aria-label={`End ${faultName(fault.name)}`} onClick={() => act(endFault(fault.name))}>End</button> : <button type="button" className="btn" aria-label={`Begin ${faultName(fault.name)}`} onClick={() => act(beginFault(fault.name, FAULT_LASTS))}>Begin</button>}
            <span className="small dim">{fault.about}{faultState(fault) !== "" && <strong className="warn"> · {faultState(fault)}</strong>}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
