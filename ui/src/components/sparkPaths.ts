/** SVG paths of a sparkline: lines that stop at gaps, the area under them, and the gaps themselves. */
export interface SparkPaths {
  line: string;
  area: string;
  /** From and to, px: where nothing was measured. */
  gaps: [number, number][];
}

export function sparkPaths(values: readonly (number | null)[], width: number, height: number, min: number, max?: number): SparkPaths {
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value));
  const top = Math.max(max ?? Math.max(...known, min), min + Number.EPSILON);
  const step = values.length > 1 ? width / (values.length - 1) : width;
  const x = (index: number) => Number((index * step).toFixed(1));
  const y = (value: number) => Number((height - 2 - ((value - min) / (top - min)) * (height - 4)).toFixed(1));
  let [line, area] = ["", ""];
  const gaps: [number, number][] = [];
  let runStart = -1;
  for (let index = 0; index <= values.length; index++) {
    const value = values[index] ?? null;
    const measured = value !== null && Number.isFinite(value);
    if (measured) {
      line += `${runStart < 0 ? "M" : "L"}${x(index)} ${y(value)}`;
      area += runStart < 0 ? `M${x(index)} ${height}L${x(index)} ${y(value)}` : `L${x(index)} ${y(value)}`;
      if (runStart < 0) runStart = index;
      continue;
    }
    if (runStart >= 0) area += `L${x(index - 1)} ${height}Z`;
    runStart = -1;
    if (index === values.length) break;
    const last = gaps.at(-1);
    if (last?.[1] === x(index)) last[1] = x(index + 1);
    else gaps.push([x(index), Math.min(width, x(index + 1))]);
  }
  return { line, area, gaps };
}
