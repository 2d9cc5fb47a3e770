import { data, type Schemas } from "@journeyman/client";
import { count } from "../../parts/amounts";
import { Id } from "../../parts/Id";
import { Json } from "../../parts/Json";
import { Notice } from "../../parts/Notice";
import { duration } from "../../parts/Time";
import { useResource } from "../../parts/useResource";
import { visible } from "../../parts/visible";
import { address, changeQuery, to } from "../../shell/address";
import { server } from "../../shell/server";
import { ClearCache } from "./ClearCache";
import { TryTool } from "./TryTool";

type Tool = Schemas["ToolAnswer"];

/** One tool: its form, its policies, what the checks found, its figures. `?agent=NAME`: as that agent calls it. */
export function ToolPage({ name }: { name: string }) {
  const agent = address.value.query.get("agent");
  const tool = useResource(`tool ${name}`, () =>
    data(server.requests.GET("/tools/{name}", { params: { path: { name } } })),
  );
  const agents = useResource("agents of tools", () =>
    data(server.requests.GET("/agents", { params: { query: { limit: 100 } } })),
  );
  const users = (agents.data?.items ?? []).filter((each) => each.tools.includes(name)).map((each) => each.name);
  return (
    <div class="page">
      <header>
        <h1>{visible(name)}</h1>
        <a href={to("runs", { tool: name })}>Its runs</a>
        <a href={to("tools")}>To all tools</a>
      </header>
      {tool.error && <Notice error={tool.error} retry={tool.reload} />}
      {(users.length > 0 || agent) && <Users users={users} agent={agent} />}
      {tool.data &&
        (agent ? (
          <OfAgent key={agent} tool={tool.data} agent={agent} done={tool.reload} />
        ) : (
          <Whole tool={tool.data} agent={null} done={tool.reload} />
        ))}
    </div>
  );
}

function Users({ users, agent }: { users: string[]; agent: string | null }) {
  const names = agent && !users.includes(agent) ? [agent, ...users] : users;
  return (
    <search class="filters">
      <label>
        With the policies of
        <select value={agent ?? ""} onChange={(event) => changeQuery({ agent: event.currentTarget.value })}>
          <option value="">no agent</option>
          {names.map((each) => (
            <option key={each} value={each}>
              {`the agent ${visible(each)}`}
            </option>
          ))}
        </select>
      </label>
      {!agent && (
        <p class="quiet">
          A call without an agent has the strictest policies of all that list the tool. Below are its own.
        </p>
      )}
    </search>
  );
}

/** The tool as an agent has it: what the agent's file says of it counts, the figures are those of all. */
function OfAgent({ tool, agent, done }: { tool: Tool; agent: string; done: () => void }) {
  const read = useResource(`agent ${agent}`, () =>
    data(server.requests.GET("/agents/{name}", { params: { path: { name: agent } } })),
  );
  if (read.error) return <Notice error={read.error} retry={read.reload} />;
  if (!read.data) return null;
  const own = read.data.tools.find((each) => each.name === tool.name);
  if (!own) return <p class="notice">This agent does not have the tool.</p>;
  return <Whole tool={{ ...own, metrics: tool.metrics }} agent={agent} done={done} />;
}

function Whole({ tool, agent, done }: { tool: Tool; agent: string | null; done: () => void }) {
  return (
    <div class="tool-page">
      <div class="stack">
        <p class="plain-text">{visible(tool.description)}</p>
        <TryTool tool={tool} agent={agent} done={done} />
      </div>
      <div class="stack">
        <Policies tool={tool} />
        <Checks tool={tool} />
        <Figures tool={tool} />
        <details>
          <summary>Sandbox</summary>
          <Json value={tool.sandbox} label="Sandbox" />
        </details>
        <details>
          <summary>Schema</summary>
          <Json value={tool.parameters} label="Schema" />
        </details>
      </div>
    </div>
  );
}

function Policies({ tool }: { tool: Tool }) {
  const { network, files, env } = tool.permissions;
  const facts: [string, string][] = [
    ["Effects", tool.declared ? tool.effects : `${tool.effects} (not declared)`],
    ["Outcome unknown", tool.on_unknown],
    ["Approval", tool.approval],
    ["Timeout", tool.timeout_seconds === null ? "that of the settings" : `${tool.timeout_seconds} s`],
    ["Retries", tool.retries === null ? "that of the settings" : String(tool.retries)],
    ["Cache", cacheOf(tool)],
    ["Runs in", tool.isolation],
    ["Network", allowed(network)],
    ["Files", allowed(files)],
    ["Variables", env.length ? env.join(", ") : "none"],
  ];
  return (
    <section>
      <h2>Policies</h2>
      <dl class="facts">
        {facts.map(([term, value]) => (
          <Fact key={term} term={term} value={value} />
        ))}
        <dt>Source</dt>
        <dd>
          <code>{visible(tool.source)}</code> <Id value={tool.code_hash} />
        </dd>
      </dl>
      {tool.cache_ttl !== 0 && <ClearCache name={tool.name} />}
    </section>
  );
}

function Fact({ term, value }: { term: string; value: string }) {
  return (
    <>
      <dt>{term}</dt>
      <dd>{visible(value)}</dd>
    </>
  );
}

function cacheOf({ cache_ttl, cache_scope }: Tool): string {
  if (cache_ttl === 0) return "no";
  return `${cache_ttl === "default" ? "as long as the settings say" : duration(cache_ttl * 1000)}, by ${cache_scope}`;
}

function allowed(names: string[] | null): string {
  if (names === null) return "not declared";
  return names.length ? names.join(", ") : "none";
}

function Checks({ tool }: { tool: Tool }) {
  return (
    <section>
      <h2>Checks</h2>
      {tool.checks.length === 0 && <p class="quiet">Nothing was found in its code.</p>}
      <ul class="checks">
        {tool.checks.map((check) => (
          <li key={`${check.rule} ${check.line}`}>
            <code>{check.rule}</code> line {check.line}: {visible(check.message)}
            {check.allowed && " (accepted in the code)"}
            <span class="quiet"> {visible(check.remedy)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Figures({ tool }: { tool: Tool }) {
  const metrics = tool.metrics as Record<string, number | undefined>;
  return (
    <section>
      <h2>Since the start</h2>
      <dl class="facts">
        {FIGURES.filter(([name]) => metrics[name] !== undefined).map(([name, term, shown]) => (
          <Fact key={name} term={term} value={shown(metrics[name] ?? 0)} />
        ))}
      </dl>
    </section>
  );
}

const seconds = (value: number) => duration(value * 1000);
const FIGURES: [string, string, (value: number) => string][] = [
  ["requested", "Asked for", count],
  ["calls", "Ran", count],
  ["errors", "Failed", count],
  ["error_rate", "Failed of those that ran", (value) => `${value.toFixed(value % 1 ? 1 : 0)} %`],
  ["invalid", "Arguments that did not fit", count],
  ["not_found", "Not found", count],
  ["retries", "Retries", count],
  ["cache_hits", "Answered by the cache", count],
  ["average_duration", "Takes on average", seconds],
  ["p50", "Half take at most", seconds],
  ["p95", "95 % take at most", seconds],
  ["loop_blocks", "Held up the server", count],
];
