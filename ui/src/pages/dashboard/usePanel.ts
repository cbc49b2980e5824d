/** A panel's questions and their answers, asked once it is in sight. */

import { useMemo } from "react";
import { ApiError } from "@/api/error";
import { type PanelAnswer, panelRequest } from "@/api/panels";
import { type Result, useApis } from "@/api/query";
import type { Panel } from "@/model/dashboard/document";
import type { Choices } from "@/model/dashboard/variables";
import type { Range } from "@/model/range";
import type { Answered } from "./frames";
import { type Asked, questionsOf } from "./questions";

export interface PanelState {
  asked: Asked[];
  answered: Answered[];
  /** The first that went wrong; the others' answers are still there. */
  error: ApiError | null;
  loading: boolean;
  warnings: string[];
  results: Result<PanelAnswer>[];
  retry: () => void;
}

export function usePanel(panel: Panel, range: Range, choices: Choices, enabled: boolean): PanelState {
  const asked = useMemo(() => questionsOf(panel, range, choices), [panel, range, choices]);
  const own = panel.kind === "traces" || panel.kind === "slo" || panel.kind === "text";
  const results = useApis(asked.map(({ question }) => (question && !own ? panelRequest(question) : null)), "panel", { enabled });
  const data = results.map((result) => result.data);
  const answered = useMemo(
    () => asked.flatMap(({ query, question }, index): Answered[] => {
      const answer = data[index];
      return question && answer ? [{ query, question, answer }] : [];
    }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the answers, one by one
    [asked, ...data.concat(new Array<undefined>(Math.max(0, 6 - data.length)).fill(undefined))],
  );
  const problem = asked.find((one) => one.problem !== null)?.problem;
  const failed = results.find((result) => result.error !== null)?.error ?? null;
  return {
    asked, answered, results,
    error: problem ? new ApiError("ask this", problem, { code: "variable" }) : failed,
    loading: results.some((result, index) => asked[index]?.question && result.data === undefined && result.error === null),
    warnings: [...new Set(answered.flatMap(({ answer }) => answer.warnings))],
    retry: () => results.forEach((result) => void (result.error && result.refetch())),
  };
}
