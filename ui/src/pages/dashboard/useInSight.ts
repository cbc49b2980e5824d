import { type RefObject, useEffect, useState } from "react";

/** Asked a little before it is seen. */
const MARGIN = "240px";

/** Whether an element is on the screen, or nearly so. */
export function useInSight(element: RefObject<HTMLElement | null>): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    const observer = new IntersectionObserver((entries) => setSeen(entries.at(-1)?.isIntersecting ?? false), { rootMargin: MARGIN });
    observer.observe(target);
    return () => observer.disconnect();
  }, [element]);
  return seen;
}
