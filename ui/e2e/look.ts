/** A picture of one page: `npm run look -- /traces --dark --width 1440 --out /tmp/traces.png`. */

import { parseArgs } from "node:util";
import { launch } from "./browser";

export default async function look(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args, allowPositionals: true,
    options: {
      dark: { type: "boolean" }, width: { type: "string", default: "1440" }, height: { type: "string", default: "1000" },
      out: { type: "string", default: "/tmp/look.png" }, base: { type: "string", default: process.env.BASE ?? "http://127.0.0.1:5173" },
      wait: { type: "string", default: "1500" }, click: { type: "string" }, press: { type: "string", multiple: true },
    },
  });
  const browser = await launch();
  const page = await browser.newPage({ viewport: { width: Number(values.width), height: Number(values.height) }, colorScheme: values.dark ? "dark" : "light" });
  page.on("console", (message) => message.type() === "error" && console.error("console:", message.text()));
  page.on("pageerror", (error) => console.error("page:", error.message));
  await page.goto(new URL(positionals[0] ?? "/", values.base).href);
  await page.waitForTimeout(Number(values.wait));
  if (values.click) await page.click(values.click);
  for (const key of values.press ?? []) await page.keyboard.press(key);
  if (values.click || values.press) await page.waitForTimeout(500);
  await page.screenshot({ path: values.out });
  console.log(values.out);
  await browser.close();
}
