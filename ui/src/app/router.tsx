import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { parseSearch, type Search, stringifySearch } from "@/model/url";
import { NotFound, PageCrashed } from "./Faces";
import { ROUTES } from "./routes";
import { Shell } from "./Shell";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: PageCrashed,
  validateSearch: (search): Search => search as Search,
});

const pages = ROUTES.map(({ path, load, begin }) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load), errorComponent: PageCrashed, ...(begin ? { loader: ({ params }: { params: Record<string, string> }) => begin(params) } : {}) }),
);

export const router = createRouter({
  routeTree: root.addChildren(pages),
  parseSearch,
  stringifySearch,
  defaultPreload: false,
  scrollRestoration: true,
  defaultPendingMs: 150,
});
