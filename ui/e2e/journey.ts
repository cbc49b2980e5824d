/** A reader's way through the pages, by mouse and keys. */

import type { Browser, Page } from "playwright-core";
import { expect } from "vitest";
import { group } from "../src/model/units";
import { findings, open, settled, sql } from "./harness";

export interface Way {
  page: Page;
  /** What stands on the page, its narrow spaces as they are. */
  text: (selector?: string) => Promise<string>;
  /** A stop of the way: the page has come to rest, axe-core finds nothing serious. */
  stop: () => Promise<void>;
  /** Sets the page's time by typing it: a range that is over, so that what is counted stays. */
  range: (range: Span) => Promise<void>;
}

/** In ms since 1970. */
export interface Span {
  from: number;
  to: number;
}

const MINUTE = 60_000;

/** Whole minutes that are over, and inside of the incident. */
export const pastMinutes = (from = 30, to = 3): Span => {
  const now = Math.floor(Date.now() / MINUTE) * MINUTE;
  return { from: now - from * MINUTE, to: now - to * MINUTE };
};

/** Walks from `path`; at its end nothing may have complained but of what is `expected`. */
export async function walk(browser: Browser, path: string, steps: (way: Way) => Promise<void>, options: Parameters<typeof open>[2] & { expected?: RegExp } = {}): Promise<void> {
  const { page, complaints, close } = await open(browser, path, options);
  try {
    await steps({
      page,
      text: (selector = "main") => page.locator(selector).first().innerText(),
      stop: async () => {
        await settled(page);
        expect(await findings(page), page.url()).toEqual([]);
      },
      range: async ({ from, to }) => {
        await page.locator("header").getByRole("button", { name: /Last|UTC/ }).first().click();
        await page.getByLabel("Type or paste a time").fill(`${iso(from)} to ${iso(to)}`);
        await page.keyboard.press("Enter");
        await page.waitForURL(/from=20/);
        // What stands there now is of that range.
        await settled(page);
      },
    });
    expect(complaints.filter((one) => !options.expected?.test(one))).toEqual([]);
  } catch (error) {
    if (process.env.E2E_PICTURES) await page.screenshot({ path: `${process.env.E2E_PICTURES}/${Date.now()}.png` });
    throw error;
  } finally {
    await close();
  }
}

export const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
/** A time in SQL, from ms. */
export const at = (ms: number): string => `TIMESTAMP '${new Date(ms).toISOString().slice(0, 23).replace("T", " ")}'`;
/** A time in SQL, from ns as text. */
export const atNs = (ns: string | number | bigint): string => `to_timestamp_nanos(${String(ns)})`;

/** The one number that SQL answers. */
export const counted = async (query: string): Promise<number> => Number((await sql(query))[0]?.[0] ?? 0);
/** As pages write it. */
export const written = (count: number): string => group(count);

/** The editor of a query box, once it is there. */
export const editor = (page: Page, label: string) => page.locator(`.cm-content[aria-label="${label}"]`);

/** Drags over an element, from one share of its width and height to another. */
export async function drag(page: Page, selector: string, [x0, y0]: [number, number], [x1, y1]: [number, number], key?: "Shift"): Promise<void> {
  const box = await page.locator(selector).first().boundingBox();
  if (!box) throw new Error(`nothing to drag: ${selector}`);
  const spot = (x: number, y: number) => [box.x + box.width * x, box.y + box.height * y] as const;
  if (key) await page.keyboard.down(key);
  await page.mouse.move(...spot(x0, y0));
  await page.mouse.down();
  await page.mouse.move(...spot((x0 + x1) / 2, (y0 + y1) / 2), { steps: 3 });
  await page.mouse.move(...spot(x1, y1), { steps: 3 });
  await page.mouse.up();
  if (key) await page.keyboard.up(key);
}
