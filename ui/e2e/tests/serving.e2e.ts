/** How the binary serves the UI. */

import { expect, it } from "vitest";
import { base } from "../harness";

const get = (path: string, headers: Record<string, string> = {}) => fetch(base() + path, { headers });
const BROWSER = { Accept: "text/html,*/*;q=0.8" };

async function script(): Promise<string> {
  const page = await (await get("/", BROWSER)).text();
  const found = /src="(\/assets\/[^"]+\.js)"/.exec(page)?.[1];
  if (!found) throw new Error("the page names no script");
  return found;
}

it("keeps hashed files for ever, compressed beforehand", async () => {
  const answer = await get(await script(), { "Accept-Encoding": "br" });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("cache-control")).toContain("immutable");
  expect(answer.headers.get("content-encoding")).toBe("br");
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
});

it("asks again for the page, and sends it only when it changed", async () => {
  const first = await get("/slos/any", BROWSER);
  expect(first.headers.get("cache-control")).toBe("no-cache");
  expect(first.headers.get("content-security-policy")).toContain("default-src 'self'");
  const again = await get("/slos/any", { ...BROWSER, "If-None-Match": first.headers.get("etag") ?? "" });
  expect(again.status).toBe(304);
});

it("answers programs in JSON, and no path of an API with a page", async () => {
  const root = (await (await get("/", { Accept: "*/*" })).json()) as { description: string; ui: boolean };
  expect(root).toMatchObject({ description: "/api/v1/openapi.json", ui: true });
  for (const path of ["/api/v1/nothing", "/prometheus/nothing"]) {
    const answer = await get(path, BROWSER);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([404, expect.stringContaining("json")]);
  }
});
