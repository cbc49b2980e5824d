/** The real binary on a fresh data directory, with SLOs, rules and receivers of the demo shop. */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, cpSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const START_MS_MAX = 180_000;

export interface Binnacle {
  url: string;
  otlp: string;
  /** Puts the SLOs into the folder that the server watches. */
  addSlos: () => void;
  stop: () => Promise<void>;
}

export function binary(): string {
  const target = process.env.CARGO_TARGET_DIR ?? resolve(HERE, "../../target");
  return process.env.BINNACLE_BIN ?? join(target, "debug/binnacle");
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createTcpServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}

/** Receivers: one path takes everything, `/refused` refuses for good. */
function hook(): Promise<HttpServer> {
  const server = createServer((request, response) => {
    request.resume();
    response.statusCode = request.url === "/refused" ? 403 : 200;
    response.end();
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}

export async function start(port?: number): Promise<Binnacle> {
  const directory = mkdtempSync(join(tmpdir(), "binnacle-ui-"));
  const [api, otlp, grpc] = [port ?? (await freePort()), await freePort(), await freePort()];
  const receivers = await hook();
  mkdirSync(join(directory, "slos"));
  const notify = readFileSync(join(HERE, "alertmanager.yml"), "utf8").replaceAll("@HOOK@", `http://127.0.0.1:${(receivers.address() as AddressInfo).port}`);
  writeFileSync(join(directory, "alertmanager.yml"), notify);
  const url = `http://127.0.0.1:${api}`;
  const settings = {
    "alerting.slos": join(directory, "slos"), "alerting.notify_file": join(directory, "alertmanager.yml"), "alerting.reload_interval": "1s",
    "alerting.external_url": url, "alerting.rule_files": JSON.stringify([join(HERE, "rules.yml")]),
  };
  const log = openSync(join(directory, "log.txt"), "a");
  const flags = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const listeners = ["--api", `127.0.0.1:${api}`, "--otlp-http", `127.0.0.1:${otlp}`, "--otlp-grpc", `127.0.0.1:${grpc}`];
  const child = spawn(binary(), ["serve", "--data", join(directory, "data"), ...listeners, ...flags], { stdio: ["ignore", log, log] });
  closeSync(log);
  await ready(child, url, join(directory, "log.txt"));
  return {
    url,
    otlp: `http://127.0.0.1:${otlp}`,
    addSlos: () => cpSync(join(HERE, "slos"), join(directory, "slos"), { recursive: true }),
    stop: async () => {
      const ended = new Promise((done) => child.once("exit", done));
      if (child.exitCode === null) {
        child.kill("SIGTERM");
        await ended;
      }
      receivers.close();
      receivers.closeAllConnections();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function ready(child: ChildProcess, url: string, log: string): Promise<void> {
  const deadline = Date.now() + START_MS_MAX;
  const failures: Error[] = [];
  child.once("error", (error) => failures.push(error));
  while (Date.now() < deadline) {
    if (failures[0]) throw failures[0];
    if (child.exitCode !== null) throw new Error(`binnacle ended with ${child.exitCode}:\n${readFileSync(log, "utf8").slice(-2000)}`);
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`binnacle is not ready after ${START_MS_MAX / 1000} s: see ${log}`);
}
