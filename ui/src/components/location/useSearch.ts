/** The query string as plain texts, and how to change it. */

import { useMatch, useNavigate, useRouterState } from "@tanstack/react-router";
import { useCallback } from "react";
import type { Search } from "@/model/url";

export const useSearch = (): Search => useRouterState({ select: (state) => state.location.search as Search });
/** Of the page this stands in, null once that is left: it is shown a moment longer, while the next one comes. */
export const useOwnPath = (): string | null => useMatch({ strict: false, shouldThrow: false, select: (match) => match.pathname }) ?? null;
export const usePath = (): string => useRouterState({ select: (state) => state.location.pathname });

/** How a change enters the history: typing replaces, a deliberate act pushes. */
export type Act = "push" | "replace";
export type ChangeSearch = (change: (search: Search) => Search, act: Act) => void;

export function useChangeSearch(): ChangeSearch {
  const navigate = useNavigate();
  return useCallback(
    (change, act) =>
      void navigate({ to: ".", search: ((search: Search) => change(search)) as never, replace: act === "replace", resetScroll: false, hash: true } as never),
    [navigate],
  );
}
