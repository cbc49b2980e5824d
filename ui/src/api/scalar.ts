/** Schemas of single values, as the server writes them. */

import * as v from "valibot";
import type { Nanos } from "@/model/time";

/** Unix ns as a decimal string (or a safe number). */
export const nanos = v.pipe(
  v.union([v.pipe(v.string(), v.regex(/^-?\d+$/)), v.pipe(v.number(), v.safeInteger())]),
  v.transform((value) => BigInt(value) as Nanos),
);

/** A count, as a JSON number or a decimal string. */
export const integer = v.pipe(
  v.union([v.pipe(v.string(), v.regex(/^-?\d+$/)), v.pipe(v.number(), v.safeInteger())]),
  v.transform((value) => BigInt(value)),
);

/** A float; those JSON cannot say come as `"NaN"`, `"Infinity"`, `"-Infinity"`. */
export const float = v.pipe(v.union([v.number(), v.picklist(["NaN", "Infinity", "-Infinity"])]), v.transform(Number));

/** A number from a float, an integer or a decimal written as a string. */
export const number = v.pipe(v.union([v.number(), v.pipe(v.string(), v.regex(/^(-?\d+(\.\d+)?(e-?\d+)?|NaN|-?Infinity)$/i))]), v.transform(Number));

/** An object in a JSON string, such as the `labels` of SQL's `alerts`. */
export const jsonObject = v.pipe(v.string(), v.transform((t): unknown => JSON.parse(t)), v.record(v.string(), v.unknown()));
