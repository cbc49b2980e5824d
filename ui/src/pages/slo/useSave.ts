import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type ApiError, asApiError } from "@/api/error";
import { saveSlo } from "@/api/slos";

/** Stores a definition and asks again for what it changes. */
export function useSave(done: (names: string[]) => void): { save: (text: string) => void; saving: boolean; error: ApiError | null } {
  const client = useQueryClient();
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const save = (text: string) => {
    setSaving(true);
    setError(null);
    saveSlo(text)
      .then(({ names }) => {
        void client.invalidateQueries();
        done(names);
      })
      .catch((cause: unknown) => setError(asApiError(cause)))
      .finally(() => setSaving(false));
  };
  return { save, saving, error };
}
