/** What is chosen of each variable, and what may be. */

import { useCallback, useMemo } from "react";
import type { ApiError } from "@/api/error";
import { valuesRequest } from "@/api/panels";
import { useApis } from "@/api/query";
import { useChangeSearch, useSearch } from "@/components/location/useSearch";
import type { Variable } from "@/model/dashboard/document";
import { choicesOf, type Choices, choose, type Chosen, namesIn, substitute } from "@/model/dashboard/variables";
import type { Range } from "@/model/range";
import { NS_PER_S, type Nanos, nanos } from "@/model/time";
import { ownValues } from "./questions";

export interface Variables {
  choices: Choices;
  values: ReadonlyMap<string, readonly string[]>;
  errors: ReadonlyMap<string, ApiError>;
  /** A value is not known yet that panels ask with. */
  waiting: boolean;
  choose: (variable: Variable, chosen: Chosen) => void;
}

const HOUR = 3600n * NS_PER_S;

/** Values are those of the page's time, in whole hours. */
const hours = (range: Range): Range => ({ from: nanos((range.from / HOUR) * HOUR), to: nanos((range.to / HOUR + 1n) * HOUR) });

function requestOf(variable: Variable, range: Range, choices: Choices) {
  const { kind } = variable;
  if (kind === "list" || kind === "text" || variable.query.trim() === "") return null;
  const whole = hours(range);
  const found = substitute(variable.query, kind === "sql" ? "sql" : "promql", choices, ownValues(whole, 60_000_000_000n as Nanos));
  return found.ok ? valuesRequest(kind, found.text, whole) : null;
}

const dependsOn = (variable: Variable, names: ReadonlySet<string>): boolean => namesIn(variable.query).some((name) => names.has(name));

export function useVariables(variables: readonly Variable[], range: Range): Variables {
  const search = useSearch();
  const changeSearch = useChangeSearch();
  // A variable may name others, as long as those name none themselves.
  const names = useMemo(() => new Set(variables.map((one) => one.name)), [variables]);
  const free = useMemo(() => choicesOf(variables, search), [variables, search]);
  const first = useApis(variables.map((one) => (dependsOn(one, names) ? null : requestOf(one, range, free))), "values");
  const firstData = first.map((result) => result.data);
  const some = useMemo(() => choicesOf(variables, search, known(variables, firstData)), [variables, search, firstData]);
  const second = useApis(variables.map((one) => (dependsOn(one, names) ? requestOf(one, range, some) : null)), "values");
  const signature = JSON.stringify(variables.map((_, index) => second[index]?.data ?? firstData[index] ?? null));
  const values = useMemo(() => known(variables, JSON.parse(signature) as (string[] | null)[]), [variables, signature]);
  const choices = useMemo(() => choicesOf(variables, search, values), [variables, search, values]);
  const errors = new Map(variables.flatMap((one, index): [string, ApiError][] => {
    const error = second[index]?.error ?? first[index]?.error;
    return error ? [[one.name, error]] : [];
  }));
  const waiting = variables.some((one, index) => {
    const chosen = choices.get(one.name);
    return chosen?.all === false && chosen.values.length === 0 && (first[index]?.isFetching === true || second[index]?.isFetching === true);
  });
  const onChoose = useCallback((variable: Variable, chosen: Chosen) => changeSearch((before) => choose(before, variable, chosen), "push"), [changeSearch]);
  return { choices, values, errors, waiting, choose: onChoose };
}

const known = (variables: readonly Variable[], answers: readonly (readonly string[] | null | undefined)[]): Map<string, readonly string[]> =>
  new Map(variables.map((one, index) => [one.name, one.kind === "list" ? one.values : (answers[index] ?? [])]));
