/** `npm run serve`: the binary with the demo shop, until Ctrl-C. `--port`, `--days`, `--seed`; `$BINNACLE_BIN` names the binary. */

import { parseArgs } from "node:util";
import { seed } from "./seed";
import { start } from "./server";

export default async function serve(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { port: { type: "string" }, days: { type: "string", default: "0" }, hours: { type: "string", default: "2" }, seed: { type: "string", default: "7" } } });
  const server = await start(values.port === undefined ? undefined : Number(values.port));
  const life = new AbortController();
  const stop = () => {
    life.abort();
    void server.stop().then(() => process.exit(0));
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const seeded = await seed({ otlp: server.otlp, seed: Number(values.seed), days: Number(values.days), hours: Number(values.hours) });
  server.addSlos();
  console.log(`${server.url}  (${seeded.spans} spans, ${seeded.logs} log records; OTLP ${server.otlp})`);
  while (!life.signal.aborted) {
    await seeded.more().catch((error: unknown) => life.signal.aborted || console.error(String(error)));
    await new Promise((done) => setTimeout(done, 2000));
  }
}
