/** Where an alert of a rule leads: what the rule asks, and what its service did meanwhile. */

import { useRules } from "@/api/rules";
import type { BoardAlert } from "@/components/alerts/board";
import { CopyAs } from "@/components/CopyAs";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { quoted } from "@/model/quoted";
import { Panel } from "@/components/Panel";

export function OfRule({ alert }: { alert: BoardAlert }) {
  const rules = useRules();
  const rule = rules.data?.data.groups.flatMap((group) => group.rules).find((one) => one.name === alert.name && one.type === "alerting");
  return (
    <Panel title="What it asks" note="an alert of a rule: there is no budget to explain">
      <div className="stack">
        {rule && <div className="row wrap"><code style={{ overflowWrap: "anywhere" }}>{rule.query}</code><CopyAs sources={{ value: rule.query }} /></div>}
        <div className="row wrap">
          {rule && <Go className="btn" to="/metrics-explorer" search={{ q: rule.query }}>Graph it</Go>}
          <Go className="btn" to="/alerts/rules">All rules</Go>
          {alert.service !== "" && (
            <>
              <Go className="btn" to={path("services", alert.service)}>{alert.service}</Go>
              <Go className="btn" to="/traces" search={{ q: `{ resource.service.name = ${quoted(alert.service)} }` }}>Its traces</Go>
              <Go className="btn" to="/logs" search={{ q: `service:${quoted(alert.service)}` }}>Its log</Go>
            </>
          )}
        </div>
      </div>
    </Panel>
  );
}
