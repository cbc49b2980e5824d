import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** The built UI in the real binary, in a real browser. One server for all; one file after the other. */
export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  resolve: { alias: { "@": fileURLToPath(new URL("../src", import.meta.url)) } },
  test: {
    include: ["e2e/tests/**/*.e2e.ts"],
    globalSetup: ["e2e/setup.ts"],
    fileParallelism: false,
    // A dev build on a busy machine: what is asserted is content, never how soon it comes.
    testTimeout: 400_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 60_000, interval: 100 } },
  },
});
