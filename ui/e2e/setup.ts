/** Starts the binary with the demo shop once, and keeps it going; `$BASE` tests a server that runs already. */

import type { TestProject } from "vitest/node";
import { seed } from "./seed";
import { start } from "./server";

declare module "vitest" {
  interface ProvidedContext {
    base: string;
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (process.env.BASE) {
    project.provide("base", process.env.BASE);
    return undefined;
  }
  const server = await start();
  const seeded = await seed({ otlp: server.otlp });
  server.addSlos();
  let sending = Promise.resolve();
  // One after the other; what fails while the server stops is no failure.
  const trickle = setInterval(() => {
    sending = sending.then(() => seeded.more()).catch(() => undefined);
  }, 2000);
  project.provide("base", server.url);
  return async () => {
    clearInterval(trickle);
    await sending;
    await server.stop();
  };
}
