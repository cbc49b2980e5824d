/** Which pattern a line is of. */

/** The pattern among `templates` that fits `body`; without one, the body with its figures left open. */
export function templateOf(body: string, templates: readonly string[]): string {
  return templates.find((template) => fits(body, template)) ?? body.replaceAll(/[\p{L}\p{N}_-]*\d[\p{L}\p{N}_-]*/gu, "<_>");
}

/** Every fixed piece stands in `body`, in order, the first and last at its ends. */
function fits(body: string, template: string): boolean {
  const pieces = template.split("<_>");
  const [first = "", last = ""] = [pieces[0], pieces.at(-1)];
  if (pieces.length === 1) return body === template;
  if (!body.startsWith(first) || !body.endsWith(last) || body.length < first.length + last.length) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = body.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= body.length - last.length;
}
