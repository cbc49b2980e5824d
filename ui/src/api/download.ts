/** An answer as a file. */

import { type Request, send } from "./client";
import { ApiError } from "./error";

/** Asks, and gives what comes to the browser's downloads as `name`. */
export async function saveAs(request: Pick<Request<unknown>, "doing" | "path" | "params" | "body">, name: string): Promise<void> {
  const response = await send(request);
  if (!response.ok) {
    const text = await response.text();
    let answer: unknown = text;
    try {
      answer = JSON.parse(text);
    } catch {
      // Its text says what it says.
    }
    throw ApiError.fromAnswer(request.doing, response.status, answer);
  }
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to save by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
