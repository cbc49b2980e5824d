import { expect, it } from "vitest";
import { nameOf } from "./keys";

const press = (key: string, modifiers: Partial<KeyboardEvent> = {}) => nameOf({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...modifiers });

it.each([
  ["k", { ctrlKey: true }, "Ctrl-k"], ["k", { metaKey: true }, "Ctrl-k"], ["?", { shiftKey: true }, "?"], ["C", { shiftKey: true }, "Shift-C"],
  ["ArrowLeft", { shiftKey: true }, "Shift-ArrowLeft"], ["+", { shiftKey: true }, "+"], [" ", {}, "Space"], ["g", {}, "g"],
] as const)("%s with %j is %s", (key, modifiers, name) => expect(press(key, modifiers)).toBe(name));
