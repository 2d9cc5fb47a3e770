import { data, type Schemas } from "@journeyman/client";
import { useState } from "preact/hooks";
import { count, counted, dollars } from "../../parts/amounts";
import { Empty, Snippets } from "../../parts/Empty";
import { Id } from "../../parts/Id";
import { More } from "../../parts/More";
import { Notice } from "../../parts/Notice";
import { Status } from "../../parts/Status";
import { duration, Time } from "../../parts/Time";
import { usePages } from "../../parts/usePages";
import { useResource } from "../../parts/useResource";
import { visible } from "../../parts/visible";
import { address, changeQuery, go, to } from "../../shell/address";
import { useShortcuts } from "../../shell/keyboard";
import { server } from "../../shell/server";

type Run = Schemas["RunSummary"];
const STATUSES = ["queued", "running", "paused", "finished", "failed", "cancelled"] as const;
const FILTERS = ["status", "agent", "thread", "tool", "error_code", "id", "since", "until"] as const;
const SPANS: [string, number][] = [
  ["the last hour", 3600],
  ["the last day", 86400],
  ["the last week", 604800],
];

/** The runs, the newest first, by the filters of the address. Two that are marked can be compared. */
export function RunList() {
  const query = address.value.query;
  const given = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) || undefined]));
  const [marked, setMarked] = useState<string[]>([]);
  const runs = usePages<Run>(JSON.stringify(given), (cursor) =>
    data(server.requests.GET("/runs", { params: { query: { ...given, cursor, limit: 50 } as never } })),
  );
  useShortcuts([
    { keys: "/", does: "Filter the runs", run: () => document.getElementById("run-thread")?.focus() },
    { keys: "r", does: "Read the list anew", run: runs.reload },
  ]);
  const mark = (run: string) =>
    setMarked((now) => (now.includes(run) ? now.filter((each) => each !== run) : [...now, run].slice(-2)));
  const filtered = Object.values(given).some(Boolean);
  return (
    <div class="page">
      <header>
        <h1>Runs</h1>
        <button
          type="button"
          disabled={marked.length !== 2}
          title="Mark two runs"
          onClick={() => go(to(["runs", marked[0] ?? ""], { with: marked[1] }))}
        >
          Compare two
        </button>
        <button type="button" onClick={runs.reload}>
          Read anew
        </button>
      </header>
      <Filters given={given} />
      {runs.error && <Notice error={runs.error} retry={runs.reload} />}
      {runs.items.length > 0 && <Table runs={runs.items} marked={marked} mark={mark} />}
      <More pages={runs} />
      {!runs.loading && !runs.error && runs.items.length === 0 && (
        <Empty title={filtered ? "No run fits these filters" : "There is no run yet"}>
          {filtered ? (
            <p>
              <a href={to("runs")}>Show all runs</a>
            </p>
          ) : (
            <>
              <p>
                Talk to an agent in the <a href={to("chat")}>chat</a>, or start a run by the API:
              </p>
              <Snippets path="/process" body={{ user_input: "What is 6 times 7?" }} />
            </>
          )}
        </Empty>
      )}
    </div>
  );
}

function Filters({ given }: { given: Record<string, string | undefined> }) {
  const agents = useResource("agents", () => data(server.requests.GET("/agents")));
  const span = (seconds: string) =>
    changeQuery({ since: seconds ? new Date(Date.now() - Number(seconds) * 1000).toISOString() : null, until: null });
  return (
    <search class="filters">
      <label>
        Status
        <select value={given.status ?? ""} onChange={(event) => changeQuery({ status: event.currentTarget.value })}>
          <option value="">all</option>
          {STATUSES.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
      <label>
        Agent
        <select value={given.agent ?? ""} onChange={(event) => changeQuery({ agent: event.currentTarget.value })}>
          <option value="">all</option>
          {agents.data?.items.map((each) => (
            <option key={each.name}>{each.name}</option>
          ))}
        </select>
      </label>
      <Field name="thread" label="Thread" value={given.thread} />
      <Field name="tool" label="Tool" value={given.tool} />
      <Field name="error_code" label="Error code" value={given.error_code} />
      <Field name="id" label="Run id begins with" value={given.id} />
      <label>
        Time
        <select value="" onChange={(event) => span(event.currentTarget.value)}>
          <option value="">{given.since ? "since a time" : "all"}</option>
          {SPANS.map(([name, seconds]) => (
            <option key={name} value={seconds}>
              {name}
            </option>
          ))}
          {given.since && <option value="">all</option>}
        </select>
      </label>
    </search>
  );
}

function Field({ name, label, value }: { name: string; label: string; value: string | undefined }) {
  return (
    <label>
      {label}
      <input
        id={`run-${name}`}
        value={value ?? ""}
        size={12}
        onChange={(event) => changeQuery({ [name]: event.currentTarget.value.trim() })}
      />
    </label>
  );
}

function Table({ runs, marked, mark }: { runs: Run[]; marked: string[]; mark: (run: string) => void }) {
  return (
    <div class="table-box">
      <table>
        <thead>
          <tr>
            <th>
              <span class="hidden-label">Compare</span>
            </th>
            <th>Status</th>
            <th>Question</th>
            <th>Agent</th>
            <th>Begun</th>
            <th class="number">Took</th>
            <th class="number">Tokens</th>
            <th class="number">Cost</th>
            <th>Run</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.run_id}>
              <td>
                <input
                  type="checkbox"
                  aria-label={`Mark ${run.run_id}`}
                  checked={marked.includes(run.run_id)}
                  onChange={() => mark(run.run_id)}
                />
              </td>
              <td>
                <Status status={run.status} />
                {run.waiting_reason && <p class="quiet reason">{visible(run.waiting_reason)}</p>}
                {run.error_code && <p class="quiet reason">{run.error_code}</p>}
              </td>
              <td class="question">
                <a href={to(["runs", run.run_id])}>{visible((run.question ?? "").slice(0, 200)) || "(no text)"}</a>
              </td>
              <td>{visible(run.agent ?? "–")}</td>
              <td>
                <Time at={run.accepted_at} />
              </td>
              <td class="number">{took(run)}</td>
              <td class="number">
                {run.usage && (
                  <span title={counted(run.usage.cached_tokens, "cached token")}>
                    {count(run.usage.input_tokens + run.usage.output_tokens)}
                  </span>
                )}
              </td>
              <td class="number">{dollars(run.usage?.cost_usd)}</td>
              <td>
                <Id value={run.run_id} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function took(run: Run): string {
  if (!run.ended_at) return "";
  return duration(Date.parse(run.ended_at) - Date.parse(run.accepted_at));
}
