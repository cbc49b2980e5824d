/** What a link reproduces: a page's view in the query string, defaults left out, unknown parameters kept. */

export type Search = Record<string, string>;

/** One parameter: how it is read (null is "not one of ours") and written. */
export interface Field<T> {
  default: T;
  read: (text: string) => T | null;
  write: (value: T) => string;
}

export type Codec<View> = { [Name in keyof View]: Field<View[Name]> };

export const text = (defaultValue = ""): Field<string> => ({ default: defaultValue, read: (t) => t, write: (v) => v });

export const flag = (defaultValue = false): Field<boolean> => ({
  default: defaultValue,
  read: (t) => (t === "1" ? true : t === "0" ? false : null),
  write: (v) => (v ? "1" : "0"),
});

export const oneOf = <const T extends string>(values: readonly T[], defaultValue: NoInfer<T>): Field<T> => ({
  default: defaultValue,
  read: (t) => values.find((value) => value === t) ?? null,
  write: (v) => v,
});

export const integer = (defaultValue: number): Field<number> => ({
  default: defaultValue,
  read: (t) => (/^-?\d{1,15}$/.test(t) ? Number(t) : null),
  write: String,
});

/** Several values with commas between them; a comma inside is escaped. */
export const list = (): Field<string[]> => ({
  default: [],
  read: (t) => t.split(/(?<!\\),/).map((part) => part.replaceAll("\\,", ",")),
  write: (v) => v.map((part) => part.replaceAll(",", "\\,")).join(","),
});

export interface Decoded<View> {
  view: View;
  /** Parameters whose values are none, to be named in a notice. */
  ignored: string[];
}

export function decode<View extends object>(codec: Codec<View>, search: Search): Decoded<View> {
  const view = {} as View;
  const ignored: string[] = [];
  for (const name of Object.keys(codec) as (keyof View & string)[]) {
    const given = search[name];
    const value = given === undefined ? codec[name].default : codec[name].read(given);
    if (value === null) ignored.push(name);
    view[name] = value ?? codec[name].default;
  }
  return { view, ignored };
}

/** `search` with `view` in it; parameters the codec does not know stay. */
export function encode<View extends object>(codec: Codec<View>, view: View, search: Search): Search {
  const names = Object.keys(codec) as (keyof View & string)[];
  const others = Object.entries(search).filter(([name]) => !(name in codec));
  const written = names.map((name) => [name, codec[name].write(view[name])] as const);
  return Object.fromEntries([...others, ...written.filter(([name, value]) => value !== codec[name].write(codec[name].default))]);
}

export const parseSearch = (query: string): Search => Object.fromEntries(new URLSearchParams(query));

export function stringifySearch(search: object): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) if (typeof value === "string") params.set(name, value);
  const query = params.toString().replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%2F", "/");
  return query ? `?${query}` : "";
}
