/** Nothing with this id: since when there would be something, and where to look. */

import * as v from "valibot";
import { nanos } from "@/api/scalar";
import { useSql } from "@/api/sql";
import { Empty } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { Page } from "@/components/Page";
import { dayMonth } from "@/model/time";
import { shortId } from "@/model/units";
import { useZone } from "@/preferences/preferences";

const row = v.object({ first: v.nullable(nanos) });

export function Missing({ id, malformed }: { id: string; malformed: boolean }) {
  const zone = useZone();
  const kept = useSql(`SELECT min(time_min) AS first FROM segments WHERE "table" = 'spans'`, row, { doing: "read since when spans are stored", enabled: !malformed });
  const first = kept.data?.rows[0]?.first;
  return (
    <Page edge title={`Trace ${shortId(id)}`}>
      {malformed ? (
        <Empty title="This is not a trace id." actions={<Go className="btn" to="/traces">Search traces</Go>}>
          A trace id is 32 hexadecimal digits; <code>{id}</code> is not. Paste it whole, or search.
        </Empty>
      ) : (
        <Empty title="No span with this id." actions={<><Go className="btn" to="/ingest">Check ingest</Go><Go className="btn" to="/traces">Search traces</Go></>}>
          {first ? `Spans are stored since ${dayMonth(first, zone)}. ` : ""}This trace was dropped by retention, not received, belongs to another tenant, or has not arrived yet. <code>{id}</code>
        </Empty>
      )}
    </Page>
  );
}
