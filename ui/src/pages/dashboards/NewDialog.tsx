import { useState } from "react";
import { asApiError } from "@/api/error";
import { createDashboard } from "@/api/dashboards";
import { queryClient } from "@/api/query";
import { ErrorFace } from "@/components/FiveFaces";
import { Dialog } from "@/components/layers";

export const forgetList = (): void => void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[2] === "/api/v1/dashboards" });

export function NewDialog({ onClose, onMade }: { onClose: () => void; onMade: (id: string) => void }) {
  const [title, setTitle] = useState("");
  const [error, setError] = useState<unknown>(null);
  const make = () => {
    createDashboard({ schema: 1, title: title.trim(), panels: [] }).then((made) => {
      forgetList();
      onMade(made.id);
    }, (cause: unknown) => setError(asApiError(cause)));
  };
  return (
    <Dialog
      open onOpenChange={(open) => !open && onClose()} title="New dashboard"
      actions={<><button type="button" className="btn" onClick={onClose}>Cancel</button><button type="button" className="btn primary" disabled={title.trim() === ""} onClick={make}>Make it</button></>}
    >
      <div className="stack">
        {error !== null && <ErrorFace error={error} />}
        <label className="field">Title<input className="input" autoFocus maxLength={200} value={title} onChange={(event) => setTitle(event.target.value)} onKeyDown={(event) => event.key === "Enter" && title.trim() !== "" && make()} /></label>
      </div>
    </Dialog>
  );
}
