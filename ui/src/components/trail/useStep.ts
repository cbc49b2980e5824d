import { useEffect } from "react";
import { useOwnPath, usePath, useSearch } from "../location/useSearch";
import { trail } from "./trail";

/**
 * Makes this page a step of the trail. `start` is for alerts and Explain, which begin one; every other page of a thing
 * says `follow`. The step keeps up with the page's view. `title` null waits until it is known.
 */
export function useStep(title: string | null, kind: string, how: "start" | "follow" = "follow"): void {
  const path = usePath();
  const own = useOwnPath();
  const search = useSearch();
  useEffect(() => {
    if (title === null || own !== path) return;
    if (how === "start") trail.pin(title, kind);
    else trail.follow(title, kind);
  }, [title, kind, how, path, own, search]);
}
