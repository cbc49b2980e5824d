import { readFileSync } from "node:fs";
import { expect, it, vi } from "vitest";
import { ROUTES } from "../../src/app/routes";
import { type Route, routesIn, script } from "../../build/preloads";

const routes = routesIn(readFileSync("src/app/routes.ts", "utf8"));

it("finds every route of the app", () => expect(routes.map(({ path }) => path)).toEqual(ROUTES.map(({ path }) => path)));

it("asks for the chunks of the page's path, and of no other", () => {
  const files = routes.map(({ page }) => `${page}.js`);
  const table = routes.map(({ path }, i): Route => [path, path === "/logs" ? [i, files.length] : [i]]);
  const asked = (pathname: string) => {
    const links: Record<string, string>[] = [];
    const document = { createElement: () => ({}), head: { append: (link: Record<string, string>) => links.push(link) } };
    vi.stubGlobal("document", document);
    vi.stubGlobal("location", { pathname });
    // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- it is a text that a browser runs
    new Function(script([...files, "logs.css"], table))();
    vi.unstubAllGlobals();
    return links.map(({ rel, href }) => `${rel} ${href}`);
  };
  expect(asked("/logs")).toEqual(["modulepreload /pages/logs.js", "preload /logs.css"]);
  expect(["/", "/slos/new", "/slos/checkout", "/alerts/rules", "/traces/9c41", "/dashboards/services/"].map(asked)).toEqual([
    ["modulepreload /pages/overview.js"], ["modulepreload /pages/slo-new.js"], ["modulepreload /pages/slo.js"], ["modulepreload /pages/alerts-rules.js"], ["modulepreload /pages/trace.js"], ["modulepreload /pages/dashboard.js"],
  ]);
  expect(["/nowhere", "/traces/9c41/more", "/slos/"].map(asked)).toEqual([[], [], ["modulepreload /pages/slos.js"]]);
});
