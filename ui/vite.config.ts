import { fileURLToPath } from "node:url";
import { compressed } from "./build/compressed.ts";
import { preloads } from "./build/preloads.ts";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where the dev server sends what is not the UI. */
const server = process.env.BINNACLE_URL ?? "http://127.0.0.1:7070";
const apiPaths = ["/api/", "/prometheus", "/loki", "/tempo", "/jaeger", "/alertmanager/", "/healthz", "/readyz", "/metrics$"];
const proxy = Object.fromEntries(apiPaths.map((path) => [`^${path}`, { target: server, ws: true }]));

export default defineConfig({
  plugins: [react(), preloads(), compressed()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: { host: "127.0.0.1", port: Number(process.env.UI_PORT ?? 5173), strictPort: true, proxy },
  preview: { host: "127.0.0.1", port: Number(process.env.UI_PORT ?? 5173), strictPort: true, proxy },
  build: {
    // Beside a file that keeps its folder there, which Cargo watches.
    outDir: "dist/app",
    emptyOutDir: true,
    target: "es2023",
    sourcemap: false,
    assetsInlineLimit: 0,
    // The list of what each entry needs, for the bundle-size check.
    manifest: true,
  },
  test: { include: ["src/**/*.test.ts", "e2e/unit/**/*.test.ts"], environment: "node" },
});
