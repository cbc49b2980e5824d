/** Every service of the range: how it does, which version, what is left of its budget. */

import { useMemo, useRef } from "react";
import { Empty, ErrorFace, FiveFaces } from "@/components/FiveFaces";
import { KeyHint } from "@/components/KeyHint";
import { useKeys } from "@/components/keys/keys";
import { Go } from "@/components/location/Go";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { ServicesTable } from "@/components/services/ServicesTable";
import { useHeard } from "@/components/services/useHeard";
import { useServices } from "@/components/services/useServices";
import { Choice } from "@/components/Tabs";
import { reportingWords } from "@/model/senders";
import { duration } from "@/model/units";
import { found, needsAttention, sentence } from "./rows";
import { codec } from "./url";

export default function ServicesPage() {
  const { view, setView, ignored } = useView(codec);
  const { grid, rows, query, failures } = useServices();
  const heard = useHeard(grid);
  const shown = useMemo(() => found(rows, view.find, view.state), [rows, view.find, view.state]);
  const attention = rows.filter(needsAttention).length;
  const input = useRef<HTMLInputElement>(null);
  useKeys([{ keys: "/", does: "Find a service", run: () => input.current?.focus() }]);
  return (
    <Page
      title={rows.length === 0 ? "Services" : sentence(rows)} name="Services" ignored={ignored}
      note={heard.length > 0 && <span className="dim">{reportingWords(heard)}</span>}
      actions={<Go className="btn" to="/service-map">Map</Go>}
    >
      <Panel
        title="Services" note={`worst first · one point every ${duration(grid.step)}`} flush
        tools={
          <>
            <Choice label="State" options={[{ id: "all", label: `All ${rows.length}` }, { id: "attention", label: `Needs attention ${attention}` }]} value={view.state} onChange={(state) => setView({ state })} />
            <input ref={input} className="input" type="search" placeholder="Find by name or version" aria-label="Find a service by name or version" value={view.find} onChange={(event) => setView({ find: event.target.value }, "replace")} />
            <KeyHint keys="/" />
          </>
        }
      >
        {failures.map((error) => <ErrorFace key={error.what} error={error} />)}
        <FiveFaces
          query={query} rows={8} height={420} isEmpty={() => shown.length === 0}
          empty={rows.length === 0 ? (
            <Empty title="No service in this range.">Nothing sent spans in it. Choose a longer range above, or look at <Go to="/ingest">ingest health</Go>: who sends what, and what was rejected.</Empty>
          ) : (
            <Empty actions={<button type="button" className="btn" onClick={() => setView({ find: "", state: "all" })}>Show all {rows.length}</button>}>
              None of {rows.length} services {view.find === "" ? "needs attention" : `is like “${view.find}”`}.
            </Empty>
          )}
        >
          {() => <ServicesTable rows={shown} grid={grid} open={view.open} onOpen={(open) => setView({ open }, "replace")} />}
        </FiveFaces>
      </Panel>
    </Page>
  );
}
