import { data } from "@journeyman/client";
import { useEffect } from "preact/hooks";
import { Empty } from "../../parts/Empty";
import { Notice } from "../../parts/Notice";
import { Status } from "../../parts/Status";
import { useResource } from "../../parts/useResource";
import { visible } from "../../parts/visible";
import { useRun } from "../../run/useRun";
import { address, changeQuery, go, to } from "../../shell/address";
import { server } from "../../shell/server";
import { Drawing } from "./Drawing";
import { type Visits, visitsOf } from "./visits";
import "./graph.css";

/** The graph of an agent, and on it what a run has visited. `/graph/AGENT?run=RUN` */
export function GraphView() {
  const agent = address.value.path[1] ?? "";
  const run = address.value.query.get("run") ?? "";
  const agents = useResource("agents", () => data(server.requests.GET("/agents")));
  const first = agents.data?.items[0]?.name;
  useEffect(() => {
    if (!agent && first) go(to(["graph", first]), true);
  }, [agent, first]);
  return (
    <div class="page graph-page">
      <header>
        <h1>Graph</h1>
      </header>
      <search class="filters">
        <label>
          Agent
          <select value={agent} onChange={(event) => go(to(["graph", event.currentTarget.value]))}>
            {agents.data?.items.map((each) => (
              <option key={each.name}>{each.name}</option>
            ))}
          </select>
        </label>
        {agent && <RunChooser agent={agent} run={run} />}
      </search>
      {agents.error && <Notice error={agents.error} retry={agents.reload} />}
      {agents.data?.items.length === 0 && (
        <Empty title="There is no agent yet">
          <p>
            <code>journeyman init my-agent</code> writes a first one.
          </p>
        </Empty>
      )}
      {agent && (run ? <WithRun agent={agent} run={run} key={run} /> : <Shown agent={agent} run="" visits={null} />)}
    </div>
  );
}

function RunChooser({ agent, run }: { agent: string; run: string }) {
  const runs = useResource(`runs of ${agent}`, () =>
    data(server.requests.GET("/runs", { params: { query: { agent, limit: 20 } } })),
  );
  return (
    <label>
      Run
      <select value={run} onChange={(event) => changeQuery({ run: event.currentTarget.value })}>
        <option value="">none</option>
        {run && !runs.data?.items.some((each) => each.run_id === run) && <option value={run}>{run}</option>}
        {runs.data?.items.map((each) => (
          <option key={each.run_id} value={each.run_id}>
            {each.run_id.slice(0, 10)} {each.status} {visible((each.question ?? "").slice(0, 40))}
          </option>
        ))}
      </select>
    </label>
  );
}

function WithRun({ agent, run }: { agent: string; run: string }) {
  const { view, error } = useRun(run);
  return (
    <>
      {error && <Notice error={error} />}
      <p class="row">
        <Status status={view.status} />
        <a href={to(["runs", run])}>The run on its time axis</a>
      </p>
      <Shown agent={agent} run={run} visits={visitsOf(view)} />
    </>
  );
}

function Shown({ agent, run, visits }: { agent: string; run: string; visits: Visits | null }) {
  const graph = useResource(`graph ${agent}`, async () => {
    const answer = await data(server.requests.GET("/agents/{name}/graph", { params: { path: { name: agent } } }));
    if (typeof answer === "string") throw new Error("The graph came as text.");
    return answer;
  });
  if (graph.error) return <Notice error={graph.error} retry={graph.reload} />;
  if (!graph.data) return null;
  const open = (node: string) => (run ? go(to(["runs", run], { node })) : undefined);
  return (
    <>
      <Drawing graph={graph.data} visits={visits} open={run ? open : null} />
      <details>
        <summary>The graph as a list</summary>
        <ul>
          {graph.data.nodes.map((node) => (
            <li key={node.id}>
              {visible(node.id)} ({node.type}
              {visits?.nodes[node.id] ? `, visited ${visits.nodes[node.id]} times` : ""}) leads to{" "}
              {graph.data?.edges
                .filter((edge) => edge.from === node.id)
                .map((edge) => `${visible(edge.to)}${edge.when ? ` when ${visible(edge.when)}` : ""}`)
                .join("; ") || "nothing"}
            </li>
          ))}
        </ul>
      </details>
    </>
  );
}
