import { data } from "@journeyman/client";
import { useMemo } from "preact/hooks";
import { count, dollars } from "../../parts/amounts";
import { Notice } from "../../parts/Notice";
import { Time } from "../../parts/Time";
import { useResource } from "../../parts/useResource";
import { visible } from "../../parts/visible";
import { address, changeQuery, to } from "../../shell/address";
import { server } from "../../shell/server";
import { Chart } from "./Chart";
import { chartsOf, type Overview } from "./figures";
import "./overview.css";

const SPANS: [hours: string, name: string][] = [
  ["1", "the last hour"],
  ["6", "the last 6 hours"],
  ["24", "the last 24 hours"],
];
const POINTS = 60;

/** `/overview?hours=6`: what the server does now, and did over time; errors in groups; budgets. */
export function OverviewView() {
  const asked = address.value.query.get("hours");
  const hours = SPANS.find(([each]) => each === asked)?.[0] ?? "1";
  const overview = useResource(`overview ${hours}`, () => readOverview(hours), 10);
  return (
    <div class="page">
      <header>
        <h1>Overview</h1>
        <label class="row">
          <span class="hidden-label">Time</span>
          <select value={hours} onChange={(event) => changeQuery({ hours: event.currentTarget.value })}>
            {SPANS.map(([each, name]) => (
              <option key={each} value={each}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </header>
      {overview.error && <Notice error={overview.error} retry={overview.reload} />}
      {overview.data && <Figures overview={overview.data} />}
      <ErrorGroups />
      {overview.data && <Budgets budgets={overview.data.budgets} />}
    </div>
  );
}

function readOverview(hours: string): Promise<Overview> {
  return data(server.requests.GET("/overview", { params: { query: { hours: Number(hours), points: POINTS } } }));
}

function Figures({ overview }: { overview: Overview }) {
  const charts = useMemo(() => chartsOf(overview), [overview]);
  const { at, since } = overview.history;
  return (
    <>
      <p class="quiet">
        Figures of all callers, since <Time at={since} />. They are in the memory of this server process: a restart
        begins anew.
      </p>
      <Now now={overview.now} />
      {at.length === 0 && <p class="quiet">The first figures come within ten seconds.</p>}
      <ul class="cards charts">
        {charts.map((each) => (
          <li key={each.title}>
            <Chart data={each} at={at} />
          </li>
        ))}
      </ul>
    </>
  );
}

const NOW: [figure: string, name: string, status: string][] = [
  ["runs_active_now", "in progress", "running"],
  ["runs_queued_now", "queued", "queued"],
  ["streams_now", "streams", ""],
  ["workers_busy_now", "workers busy", ""],
  ["workers_idle_now", "workers idle", ""],
  ["breakers_open_now", "breakers not closed", ""],
  ["journal_queue_now", "writes that wait", ""],
];

function Now({ now }: { now: Overview["now"] }) {
  const waits = Object.entries(now).filter(([name, value]) => name.startsWith("lacking_now:") && value > 0);
  return (
    <ul class="row now" aria-label="Now">
      {NOW.map(([figure, name, status]) => (
        <li key={figure}>
          <strong>{count(now[figure] ?? 0)}</strong>
          {status ? <a href={to("runs", { status })}>{name}</a> : <span class="quiet">{name}</span>}
        </li>
      ))}
      {waits.map(([name, value]) => (
        <li key={name}>
          <strong>{count(value)}</strong>
          <a href={to("runs", { status: "paused" })}>wait: {visible(name.slice("lacking_now:".length))}</a>
        </li>
      ))}
    </ul>
  );
}

function ErrorGroups() {
  const errors = useResource("errors", () => data(server.requests.GET("/errors")), 30);
  const groups = errors.data?.items ?? [];
  return (
    <section class="stack overview-part">
      <h2>Failed runs in groups</h2>
      {errors.error && <Notice error={errors.error} retry={errors.reload} />}
      {errors.data && groups.length === 0 && <p class="quiet">No run of yours has failed.</p>}
      {groups.length > 0 && (
        <div class="table-box">
          <table>
            <thead>
              <tr>
                <th class="number">Runs</th>
                <th>Error</th>
                <th>Agent</th>
                <th>Last</th>
                <th>First</th>
              </tr>
            </thead>
            <tbody>
              {groups.map((each) => (
                <tr key={each.fingerprint}>
                  <td class="number">{count(each.count)}</td>
                  <td class="error-group">
                    <a href={to("runs", { error_code: each.code, agent: each.agent })}>
                      <code>{visible(each.code)}</code>
                    </a>
                    <p class="quiet">{visible(each.message.slice(0, 300))}</p>
                  </td>
                  <td>{visible(each.agent ?? "–")}</td>
                  <td>
                    <a href={to(["runs", each.latest_run])}>
                      <Time at={each.last_at} />
                    </a>
                  </td>
                  <td>
                    <Time at={each.first_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Budgets({ budgets }: { budgets: Overview["budgets"] }) {
  const used = Object.entries(budgets ?? {});
  return (
    <section class="stack overview-part">
      <h2>Budgets</h2>
      {budgets === null && <p class="quiet">Budgets name principals and keys, so they need the scope “admin”.</p>}
      {budgets !== null && used.length === 0 && <p class="quiet">Nothing of a budget is used.</p>}
      {used.length > 0 && (
        <div class="table-box">
          <table>
            <thead>
              <tr>
                <th>Of</th>
                <th class="number">Tokens</th>
                <th class="number">Cost</th>
                <th class="number">Held tokens</th>
                <th class="number">Held cost</th>
              </tr>
            </thead>
            <tbody>
              {used.map(([name, each]) => (
                <tr key={name}>
                  <td>{visible(name)}</td>
                  <td class="number">{count(each.tokens ?? 0)}</td>
                  <td class="number">{dollars(each.cost_usd)}</td>
                  <td class="number">{count(each.held_tokens ?? 0)}</td>
                  <td class="number">{dollars(each.held_usd)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
