import { useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTrace } from "@/api/trace";
import { ErrorFace, Loading } from "@/components/FiveFaces";
import { Page } from "@/components/Page";
import { useTimeActions } from "@/components/location/time";
import { useView } from "@/components/location/useView";
import { useStep } from "@/components/trail/useStep";
import { shortId } from "@/model/units";
import { Missing } from "./Missing";
import { TraceView } from "./TraceView";
import { codec } from "./url";

export default function TracePage() {
  const params: Record<string, string | undefined> = useParams({ strict: false });
  const id = (params.traceId ?? "").toLowerCase();
  const state = useView(codec);
  const trace = useTrace(id);
  const { set } = useTimeActions();
  useStep(`Trace ${shortId(id)}`, "trace");
  // Evidence stands still.
  useEffect(() => set({ paused: true }, "replace"), [set, id]);
  if (trace.data) return <TraceView key={id} trace={trace.data} state={state} />;
  if (trace.error?.status === 404 || trace.error?.status === 400) return <Missing id={id} malformed={trace.error.status === 400} />;
  return (
    <Page edge title={`Trace ${shortId(id)}`} ignored={state.ignored}>
      {trace.error ? <ErrorFace error={trace.error} retry={() => void trace.refetch()} /> : <Loading rows={20} />}
    </Page>
  );
}
