/** Hooks' foundation: a request as a cached, cancelled, refreshed query. */

import { keepPreviousData, QueryClient, useQueries, useQuery, type UseQueryOptions, type UseQueryResult } from "@tanstack/react-query";
import { useRefreshInterval } from "./refresh";
import { ask, type Request } from "./client";
import { ApiError } from "./error";
import { refusalOf, textKey } from "./refused";
import { preferences } from "@/preferences/preferences";

/** Keys may hold bigints, and objects in any order of their fields. */
const hashKey = (key: readonly unknown[]): string => JSON.stringify(key, canonical);

function canonical(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      queryKeyHashFn: hashKey,
      staleTime: 30_000,
      gcTime: 120_000,
      placeholderData: keepPreviousData,
      refetchOnWindowFocus: false,
      refetchIntervalInBackground: false,
      retry: (failures, error) => failures < 2 && error instanceof ApiError && [0, 429, 503].includes(error.status),
      retryDelay: (attempt) => 1000 * 2 ** attempt,
    },
  },
});

/** A query that could not be read keeps one place, whatever the time: its error stands still. */
export const keyOf = (request: Omit<Request<unknown>, "schema" | "doing">, key: readonly unknown[]): readonly unknown[] =>
  refusalOf(request) ? ["refused", textKey(request)] : key;

export interface QueryOptions {
  /** False: not asked yet. */
  enabled?: boolean;
  /** Asked again at the page's refresh interval. Not needed when a parameter is the time range: that moves by itself. */
  poll?: boolean;
  /** Answers that never change (a trace by id and snapshot, evidence): kept for the session. */
  immutable?: boolean;
}

export type Result<T> = UseQueryResult<T, ApiError>;

const queryOf = <T>(request: Omit<Request<T>, "signal">) => ({
  queryKey: keyOf(request, [preferences().tenant, request.method ?? "", request.path, request.params ?? {}, request.body ?? null]),
  queryFn: ({ signal }: { signal: AbortSignal }) => ask({ ...request, signal }),
});

/** Asks before anything shows it; the hook of the same request takes it from there, and its error too. */
export const begin = <T>(request: Omit<Request<T>, "signal">): void => void queryClient.query(queryOf(request)).catch(() => undefined);

/**
 * A hook's body: `useApi({ doing: "list SLOs", path: "/api/v1/slos", schema }, { poll: true })`.
 * Equal requests share one answer; leaving the page cancels it; the previous answer stays while the next one loads.
 */
export function useApi<T>(request: Omit<Request<T>, "signal">, options: QueryOptions = {}): Result<T> {
  const interval = useRefreshInterval();
  return useQuery<T, ApiError>({
    ...queryOf(request),
    enabled: options.enabled ?? true,
    refetchInterval: options.poll && !refusalOf(request) ? interval : false,
    ...(options.immutable ? { staleTime: Infinity, gcTime: Infinity } : {}),
  });
}

/**
 * Several requests at once, as many as there are: what {@link useApi} is for one. Null is asked nothing. `of` keeps
 * their answers apart from others' to the same question, whose schema is another.
 */
export function useApis<T>(requests: readonly (Omit<Request<T>, "signal"> | null)[], of: string, options: QueryOptions = {}): Result<T>[] {
  return useQueries<UseQueryOptions<T, ApiError>[]>({
    queries: requests.map((request, index) => ({
      queryKey: request ? keyOf(request, [preferences().tenant, of, request.method ?? "", request.path, request.params ?? {}, request.body ?? null]) : [of, index],
      queryFn: ({ signal }: { signal: AbortSignal }) => {
        if (!request) throw new Error("nothing is asked");
        return ask({ ...request, signal });
      },
      enabled: request !== null && (options.enabled ?? true),
      placeholderData: keepPreviousData,
    })),
  });
}
