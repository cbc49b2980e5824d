/** A link inside the app. The page's time range goes along; nobody retypes it on the way. */

import { Link } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, ReactNode } from "react";
import type { Search } from "@/model/url";
import { TIME_PARAMETERS } from "./time";

export interface GoProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href"> {
  /** A path: `/services/checkout`. Build it with {@link path} when a part comes from data. */
  to: string;
  /** The new view's parameters; texts that are empty are left out. */
  search?: Record<string, string | undefined>;
  /** Current only at this very path, not below it. */
  exact?: boolean;
  children?: ReactNode;
}

/** Search of a link: the time of this page, and `search` over it. */
export function linkSearch(current: Search, search: GoProps["search"] = {}): Search {
  const kept: Search = {};
  for (const name of TIME_PARAMETERS) if (current[name] !== undefined) kept[name] = current[name];
  for (const [name, value] of Object.entries(search)) if (value !== undefined && value !== "") kept[name] = value;
  return kept;
}

export function Go({ to, search, exact = false, children, ...rest }: GoProps) {
  return (
    <Link to={to} search={(current: Search) => linkSearch(current, search)} preload="intent" activeOptions={{ exact, includeSearch: false }} {...rest}>
      {children}
    </Link>
  );
}
