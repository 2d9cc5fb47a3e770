import type { Schemas } from "@journeyman/client";

/** The answer of `GET /overview`: figures over time beside `at`, and those of now. */
export type Overview = Schemas["OverviewAnswer"];

/** One line, or one part of the bars, of a chart. `null`: there was nothing to measure. */
export interface Series {
  name: string;
  values: (number | null)[];
}

export interface ChartData {
  title: string;
  kind: "bars" | "lines";
  unit: "" | "s" | "$";
  series: Series[];
}

type Names = [figure: string, name: string][];
const COUNTS: [title: string, unit: "" | "$", names: Names][] = [
  [
    "Runs that ended",
    "",
    [
      ["runs_finished", "finished"],
      ["runs_failed", "failed"],
      ["runs_cancelled", "cancelled"],
    ],
  ],
  [
    "Tokens",
    "",
    [
      ["tokens_input", "input"],
      ["tokens_output", "output"],
    ],
  ],
  ["Cost", "$", [["cost_usd", "dollars"]]],
  [
    "Calls of models",
    "",
    [
      ["model_calls", "answered"],
      ["model_errors", "failed"],
      ["retries", "repeated"],
      ["refused_calls", "refused by a breaker"],
    ],
  ],
];
const STATES: [title: string, names: Names][] = [
  [
    "Runs in progress",
    [
      ["runs_active_now", "in progress"],
      ["runs_queued_now", "queued"],
      ["streams_now", "streams"],
    ],
  ],
  [
    "Workers",
    [
      ["workers_busy_now", "busy"],
      ["workers_idle_now", "idle"],
    ],
  ],
  ["Queue of the journal", [["journal_queue_now", "writes that wait"]]],
  ["Breakers", [["breakers_open_now", "not closed"]]],
];
const WAITS = "lacking_now:";
const ERRORS = "errors:";

/** Return the charts of an overview. A figure that was always 0 is a line of zeros, so that each chart has its place. */
export function chartsOf({ history }: Overview): ChartData[] {
  const { figures, at } = history;
  const zeros = at.map(() => 0);
  const of = (names: Names): Series[] => names.map(([figure, name]) => ({ name, values: figures[figure] ?? zeros }));
  const beginning = (prefix: string): Series[] =>
    Object.keys(figures)
      .filter((name) => name.startsWith(prefix))
      .map((name) => ({ name: name.slice(prefix.length).replaceAll("_", " "), values: figures[name] ?? zeros }));
  const [ended, ...counts] = COUNTS.map(
    ([title, unit, names]): ChartData => ({ title, kind: "bars", unit, series: of(names) }),
  );
  const [active, ...states] = STATES.map(
    ([title, names]): ChartData => ({ title, kind: "lines", unit: "", series: of(names) }),
  );
  const found = [
    ended,
    active,
    { title: "Waiting for what is not here", kind: "lines", unit: "", series: beginning(WAITS) },
    { title: "Errors by code", kind: "bars", unit: "", series: beginning(ERRORS) },
    latency("Time of a run", history.seconds.run),
    latency("Time of a model call", history.seconds.model_call),
    ...counts,
    ...states,
  ];
  return found.filter((each): each is ChartData => each !== undefined);
}

function latency(title: string, found: { p50: (number | null)[]; p95: (number | null)[] } | undefined): ChartData {
  const series = found
    ? [
        { name: "half took at most", values: found.p50 },
        { name: "95 of 100 took at most", values: found.p95 },
      ]
    : [];
  return { title, kind: "lines", unit: "s", series };
}

/** Return the largest value of a chart: of a bar, all its parts together. */
export function largest({ kind, series }: ChartData): number {
  const spans = series[0]?.values.length ?? 0;
  const of = (span: number) => series.map((each) => each.values[span] ?? 0);
  const tops = Array.from({ length: spans }, (_, span) =>
    kind === "bars" ? of(span).reduce((sum, value) => sum + value, 0) : Math.max(0, ...of(span)),
  );
  return Math.max(0, ...tops);
}

/** Return what a series comes to: the sum of counts, the last known value of states and times. */
export function summed(kind: ChartData["kind"], { values }: Series): number | null {
  const known = values.filter((each) => each !== null);
  if (kind === "bars") return known.reduce((sum, value) => sum + value, 0);
  return known.at(-1) ?? null;
}

/** Return the parts of a line of points: it is broken where nothing was measured. */
export function unbroken(points: ([number, number] | null)[]): [number, number][][] {
  const parts: [number, number][][] = [[]];
  for (const point of points) {
    if (point) parts.at(-1)?.push(point);
    else if (parts.at(-1)?.length) parts.push([]);
  }
  return parts.filter((each) => each.length > 0);
}
