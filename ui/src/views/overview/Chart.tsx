import { useMemo } from "preact/hooks";
import { count, dollars } from "../../parts/amounts";
import { duration, Time } from "../../parts/Time";
import { visible } from "../../parts/visible";
import { type ChartData, largest, type Series, summed, unbroken } from "./figures";

const [WIDTH, HEIGHT] = [360, 90];
const MOST_SERIES = 6; // that are told apart; the table has all

/** Figures over time as bars or lines, with a table of their values. */
export function Chart({ data, at }: { data: ChartData; at: string[] }) {
  const shown = useMemo(() => ({ ...data, series: data.series.slice(0, MOST_SERIES) }), [data]);
  const top = largest(shown);
  return (
    <figure class="card chart">
      <figcaption>
        <h2>{data.title}</h2>
        <span class="quiet">{top > 0 ? `up to ${amount(top, data.unit)}` : ""}</span>
      </figcaption>
      {top > 0 ? (
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={spoken(shown)} preserveAspectRatio="none">
          <path class="ground" d={`M0 ${HEIGHT - 0.5}H${WIDTH}`} />
          {data.kind === "bars" ? <Bars data={shown} top={top} /> : <Lines data={shown} top={top} />}
        </svg>
      ) : (
        <p class="none quiet">None in this time.</p>
      )}
      <ul class="legend">
        {shown.series.map((each, place) => (
          <li key={each.name}>
            <svg class={`sample ${classOf(each.name, place)}`} viewBox="0 0 20 10" aria-hidden="true">
              {data.kind === "bars" ? <rect width="20" height="10" /> : <path d="M0 5H20" />}
            </svg>
            {visible(each.name)} <strong>{total(data, each)}</strong>
          </li>
        ))}
      </ul>
      {top > 0 && <Table data={data} at={at} />}
    </figure>
  );
}

function Bars({ data, top }: { data: ChartData; top: number }) {
  const spans = data.series[0]?.values.length ?? 0;
  const width = WIDTH / Math.max(spans, 1);
  return (
    <>
      {Array.from({ length: spans }, (_, span) => {
        let below = HEIGHT;
        return data.series.map(({ name, values }, place) => {
          const height = ((values[span] ?? 0) / top) * (HEIGHT - 2);
          below -= height;
          if (height === 0) return null;
          const bar = { x: span * width + width * 0.1, y: below, width: width * 0.8, height };
          return <rect key={`${span} ${name}`} class={classOf(name, place)} {...bar} />;
        });
      })}
    </>
  );
}

function Lines({ data, top }: { data: ChartData; top: number }) {
  return (
    <>
      {data.series.map(({ name, values }, place) => (
        <path key={name} class={classOf(name, place)} d={pathOf(values, top)} />
      ))}
    </>
  );
}

function pathOf(values: Series["values"], top: number): string {
  const step = WIDTH / Math.max(values.length - 1, 1);
  const points = values.map((value, span): [number, number] | null =>
    value === null ? null : [span * step, HEIGHT - 1 - (value / top) * (HEIGHT - 3)],
  );
  return unbroken(points)
    .map((part) => `M${part.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}h0.1`)
    .join("");
}

function Table({ data, at }: { data: ChartData; at: string[] }) {
  const rows = at
    .map((time, span) => ({ time, span }))
    .filter(({ span }) => data.series.some((each) => each.values[span]));
  return (
    <details>
      <summary>As a table</summary>
      <div class="table-box" tabIndex={0} role="region" aria-label={`${data.title}, as a table`}>
        <table>
          <thead>
            <tr>
              <th>Until</th>
              {data.series.map((each) => (
                <th key={each.name} class="number">
                  {visible(each.name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.reverse().map(({ time, span }) => (
              <tr key={time}>
                <td>
                  <Time at={time} short />
                </td>
                {data.series.map((each) => (
                  <td key={each.name} class="number">
                    {amount(each.values[span] ?? null, data.unit)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** Return the class of a series: its place gives colour and dashes, and what failed is red in every chart. */
function classOf(name: string, place: number): string {
  return name === "failed" ? `s${place} failing` : `s${place}`;
}

function total(data: ChartData, series: Series): string {
  return amount(summed(data.kind, series), data.unit);
}

function spoken(data: ChartData): string {
  const what = data.kind === "bars" ? "in all" : "at the end";
  return `${data.title}, ${what}: ${data.series.map((each) => `${each.name} ${total(data, each)}`).join(", ")}`;
}

/** Return a value with its unit; null, for what was not measured, is a dash. */
export function amount(value: number | null, unit: ChartData["unit"]): string {
  if (value === null) return "–";
  if (unit === "s") return duration(value * 1000);
  return unit === "$" ? dollars(value) : count(value);
}
