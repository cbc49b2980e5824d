/** `path("traces", id)`: each part encoded. */
export const path = (...parts: string[]): string => `/${parts.map(encodeURIComponent).join("/")}`;
