import { type RefObject, useEffect, useLayoutEffect, useState } from "react";

/** Asked a little before it is seen, in px. */
const MARGIN = 240;

/** Whether an element is on the screen, or nearly so; known before it is painted first. */
export function useInSight(element: RefObject<HTMLElement | null>): boolean {
  const [seen, setSeen] = useState(false);
  useLayoutEffect(() => {
    const box = element.current?.getBoundingClientRect();
    if (box) setSeen(box.top < window.innerHeight + MARGIN && box.bottom > -MARGIN);
  }, [element]);
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    const observer = new IntersectionObserver((entries) => setSeen(entries.at(-1)?.isIntersecting ?? false), { rootMargin: `${MARGIN}px` });
    observer.observe(target);
    return () => observer.disconnect();
  }, [element]);
  return seen;
}
