/** Every shared component with its five faces, for eyes and for the accessibility check. */

import { ApiError } from "@/api/error";
import { GalleryChart, GalleryControls, GalleryTable } from "./parts";
import { BudgetBar } from "@/components/BudgetBar";
import { CopyAs } from "@/components/CopyAs";
import { Empty, ErrorFace, Loading, Partial } from "@/components/FiveFaces";
import { Figure, Tile, Tiles } from "@/components/Figure";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { ServiceName } from "@/components/ServiceName";
import { Sparkline } from "@/components/Sparkline";
import { StateChip } from "@/components/StateChip";
import { budget, burn, count, ratio } from "@/model/units";

const SERVICES = ["checkout", "payments", "orders", "catalog", "cart", "gateway", "inventory", "email-worker"];
const WAVE = Array.from({ length: 32 }, (_, i) => (i > 18 && i < 23 ? null : 3 + Math.sin(i / 2) + (i > 23 ? 4 : 0)));

export default function GalleryPage() {
  const failed = new ApiError("read traces", "the query stopped at its 10 s limit after 212 of 340 segments", { hint: "Narrow the time or add a service.", code: "query_timeout" });
  return (
    <Page title="Components" note="as every page uses them">
      <Panel title="States" note="shape, word and colour">
        <div className="row wrap">
          <StateChip tone="bad">Page · firing 13 min</StateChip><StateChip tone="warn">Ticket · firing 26 min</StateChip>
          <StateChip tone="good">measured</StateChip><StateChip tone="hold">Held · 18 min</StateChip><StateChip tone="none">inactive</StateChip>
        </div>
      </Panel>
      <Panel flush>
        <Tiles>
          <Tile label="Budget remaining" tone="bad" note="9 193 of 49 962 events" below="40 769 spent">{budget(0.184)}</Tile>
          <Tile label="Burn, last hour" tone="bad" note="page at 14.4 ×" below="1 517 bad of 71 240">{burn(21.29)}</Tile>
          <Tile label="Errors"><Figure exact="0.0213" to="/traces" search={{ q: "{ status = error }" }} sources={{ sql: "SELECT 1" }} label="errors">{ratio(0.0213)}</Figure></Tile>
          <Tile label="Events">{count(71_240)}</Tile>
        </Tiles>
      </Panel>
      <Panel title="Budgets"><div className="row wrap"><BudgetBar left={0.932} /><BudgetBar left={0.31} /><BudgetBar left={0.184} firing="page" /><BudgetBar left={-0.042} /><BudgetBar left={0.71} held /></div></Panel>
      <Panel title="Services"><div className="row wrap">{SERVICES.map((name) => <ServiceName key={name} name={name} />)}</div></Panel>
      <Panel title="Sparklines"><div className="row wrap"><Sparkline values={WAVE} label="with a gap" /><Sparkline values={WAVE} tone="bad" marks={[0.7]} label="with a deploy" /></div></Panel>
      <Panel title="Chart" note="drag to zoom, double click to go back; a click in the legend shows one alone"><GalleryChart /></Panel>
      <Panel title="Table" flush><GalleryTable /></Panel>
      <Panel title="Controls"><GalleryControls /></Panel>
      <Panel title="Loading" flush><div data-example><Loading rows={4} /></div></Panel>
      <Panel title="Empty" flush><Empty title="No span matches." actions={<CopyAs sources={{ traceql: "{ status = error }" }} />}>2.1 M spans in this range; http.route = “/chekout” matches none: did you mean “/checkout” (71 240)?</Empty></Panel>
      <Panel title="Error" flush><ErrorFace error={failed} retry={() => undefined} /></Panel>
      <Panel title="Partial" flush><Partial actions={<button type="button" className="btn">Load more</button>}>Newest 10 000 of about 84 000 rows.</Partial></Panel>
    </Page>
  );
}
