import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { untilQuiet } from "./contentFirst";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Requests that begin and end, and a browser that is idle when told. */
function made() {
  const state = { busy: 0, told: (): void => undefined, idles: [] as (() => void)[], resolved: false };
  const set = async (busy: number) => {
    state.busy = busy;
    state.told();
    await Promise.resolve();
  };
  const idle = async () => {
    for (const then of state.idles.splice(0)) then();
    await Promise.resolve();
    await Promise.resolve();
  };
  let hurry: () => void = () => undefined;
  const wanted = new Promise<void>((resolve) => {
    hurry = resolve;
  });
  void untilQuiet({ busy: () => state.busy, onChange: (told) => { state.told = told; return () => undefined; }, idle: (then) => { state.idles.push(then); } }, wanted).then(() => {
    state.resolved = true;
  });
  return { state, set, idle, hurry };
}

it("waits for the answers, and for those that they ask for", async () => {
  const { state, set, idle } = made();
  await set(3);
  await idle();
  expect(state.resolved).toBe(false);
  await set(0);
  await set(1);
  await idle();
  expect(state.resolved).toBe(false);
  await set(0);
  await idle();
  expect(state.resolved).toBe(true);
});

it("comes at once when it is wanted, and in the end when answers do not", async () => {
  const hurried = made();
  await hurried.set(1);
  hurried.hurry();
  await vi.advanceTimersByTimeAsync(0);
  expect(hurried.state.resolved).toBe(true);
  const late = made();
  await late.set(1);
  await vi.advanceTimersByTimeAsync(4000);
  expect(late.state.resolved).toBe(true);
});
