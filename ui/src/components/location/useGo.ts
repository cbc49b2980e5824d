import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";
import type { Search } from "@/model/url";
import { type GoProps, linkSearch } from "./Go";

/** What {@link Go} does, from code: keys, row clicks, palette. */
export function useGo(): (to: string, search?: GoProps["search"]) => void {
  const navigate = useNavigate();
  return useCallback(
    (to, search) => void navigate({ to, search: (current: Search) => linkSearch(current, search) } as never),
    [navigate],
  );
}
