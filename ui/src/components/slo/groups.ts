/** A group by its values, `(none)` where one is missing: `cart, /pay`. */
export const groupName = (group: string | Record<string, string | null>): string =>
  typeof group === "string" ? group : Object.values(group).map((value) => value ?? "(none)").join(", ");
