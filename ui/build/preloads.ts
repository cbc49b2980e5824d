/**
 * Puts a script into `index.html` that asks for the chunks of the page's path while the app's own are read. Without it
 * they are asked for once the app runs: one after the other. It is a file: the server's Content-Security-Policy lets no
 * script within a page run.
 */

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** A page's path as the router has it, and places in the list of files. */
export type Route = [path: string, files: number[]];

const ROUTES = "src/app/routes.ts";
const ROUTE = /\{ path: "([^"]+)", load: \(\) => import\("@\/(pages\/[\w-]+)"\)[ ,]/g;

/** Paths and their pages' folders, from the table of routes. */
export const routesIn = (source: string): { path: string; page: string }[] => [...source.matchAll(ROUTE)].map(([, path = "", page = ""]) => ({ path, page }));

/** Runs in the browser, before anything else. Static parts of a path come before parameters in the table, as in the router. */
export const script = (files: readonly string[], routes: readonly Route[]): string => `(() => {
const files = ${JSON.stringify(files)};
const parts = location.pathname.replace(/\\/+$/, "").split("/");
const route = ${JSON.stringify(routes)}.find(([path]) => {
  const wanted = path.replace(/\\/+$/, "").split("/");
  return wanted.length === parts.length && wanted.every((part, i) => (part[0] === "$" ? parts[i] !== "" : part === parts[i]));
});
for (const at of route ? route[1] : []) {
  const link = document.createElement("link");
  if (files[at].endsWith(".css")) Object.assign(link, { rel: "preload", as: "style" });
  else link.rel = "modulepreload";
  link.crossOrigin = "";
  link.href = "/" + files[at];
  document.head.append(link);
}
})();`;

export function preloads(): Plugin {
  let file = { name: "", text: "" };
  return {
    name: "preloads",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(html, { bundle = {} }) {
        const chunks = new Map(Object.values(bundle).flatMap((one) => (one.type === "chunk" ? [[one.fileName, one] as const] : [])));
        const files: string[] = [];
        const placeOf = (file: string) => (files.includes(file) ? files.indexOf(file) : files.push(file) - 1);
        const routes = routesIn(readFileSync(ROUTES, "utf8")).map(({ path, page }): Route => {
          const first = [...chunks.values()].find((chunk) => chunk.facadeModuleId?.includes(`/src/${page}/index.tsx`) === true);
          if (!first) throw new Error(`no chunk of ${page}`);
          const own = new Set<string>();
          const open = [first.fileName];
          for (let name = open.pop(); name !== undefined; name = open.pop()) {
            const chunk = chunks.get(name);
            if (!chunk || own.has(name)) continue;
            for (const file of [name, ...(chunk.viteMetadata?.importedCss ?? [])]) own.add(file);
            open.push(...chunk.imports);
          }
          // What the app itself needs is in the page already.
          return [path, [...own].filter((file) => !html.includes(`/${file}"`)).map(placeOf)];
        });
        const text = script(files, routes);
        file = { name: `assets/preloads-${createHash("sha256").update(text).digest("hex").slice(0, 8)}.js`, text };
        return [{ tag: "script", attrs: { src: `/${file.name}`, async: true }, injectTo: "head-prepend" }];
      },
    },
    // Before the files are compressed.
    writeBundle: {
      order: "pre",
      sequential: true,
      handler: ({ dir = "dist/app" }) => writeFileSync(join(dir, file.name), file.text),
    },
  };
}
