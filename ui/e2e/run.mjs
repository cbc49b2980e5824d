// Runs a TypeScript file: `node e2e/run.mjs e2e/seed.ts …`. Its default export gets the arguments.
import { resolve } from "node:path";
import { runnerImport } from "vite";

const [file, ...args] = process.argv.slice(2);
const { module } = await runnerImport(resolve(file), { resolve: { alias: { "@": resolve("src") } }, logLevel: "error" });
await module.default(args);
