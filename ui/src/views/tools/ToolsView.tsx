import { data, type Schemas } from "@journeyman/client";
import { counted } from "../../parts/amounts";
import { Empty } from "../../parts/Empty";
import { More } from "../../parts/More";
import { Notice } from "../../parts/Notice";
import { duration } from "../../parts/Time";
import { usePages } from "../../parts/usePages";
import { visible } from "../../parts/visible";
import { address, changeQuery, to } from "../../shell/address";
import { useShortcuts } from "../../shell/keyboard";
import { server } from "../../shell/server";
import { Services } from "./Services";
import { bySource } from "./sources";
import { ToolPage } from "./ToolPage";
import "./tools.css";

type Tool = Schemas["ToolAnswer"];

/** `/tools` lists the tools, `/tools/NAME` shows one of them and tries it. */
export function ToolsView() {
  const name = address.value.path[1];
  return name ? <ToolPage name={name} key={name} /> : <ToolList />;
}

function ToolList() {
  const query = address.value.query;
  const [wanted, from] = [query.get("q") ?? "", query.get("from") ?? ""];
  const pages = usePages<Tool>("tools", (cursor) =>
    data(server.requests.GET("/tools", { params: { query: { cursor, limit: 100 } } })),
  );
  useShortcuts([{ keys: "/", does: "Search a tool", run: () => document.getElementById("tool-search")?.focus() }]);
  const shown = pages.items.filter((each) =>
    `${each.name} ${each.description}`.toLowerCase().includes(wanted.toLowerCase()),
  );
  const sources = bySource(pages.items);
  return (
    <div class="page">
      <header>
        <h1>Tools</h1>
      </header>
      <search class="filters">
        <label>
          Name or description
          <input id="tool-search" value={wanted} onInput={(event) => changeQuery({ q: event.currentTarget.value })} />
        </label>
        {(sources.length > 1 || from) && (
          <label>
            From
            <select value={from} onChange={(event) => changeQuery({ from: event.currentTarget.value })}>
              <option value="">everywhere</option>
              {sources.map((source) => (
                <option key={source.key} value={source.key}>
                  {visible(source.title)}
                </option>
              ))}
            </select>
          </label>
        )}
      </search>
      {pages.error && <Notice error={pages.error} retry={pages.reload} />}
      {bySource(shown)
        .filter((source) => !from || source.key === from)
        .map((source) => (
          <section key={source.key} class="tool-source">
            {sources.length > 1 && <h2>{visible(source.title)}</h2>}
            <ul class="cards">
              {source.tools.map((tool) => (
                <Card key={tool.name} tool={tool} />
              ))}
            </ul>
          </section>
        ))}
      {shown.length === 0 && pages.items.length > 0 && (
        <p>
          No tool fits. <a href={to("tools")}>Show all</a>
        </p>
      )}
      {sources.some((source) => source.key !== "code") && <Services />}
      <More pages={pages} />
      {!pages.loading && !pages.error && pages.items.length === 0 && (
        <Empty title="There is no tool yet">
          <p>
            Write a function into a file of the folder <code>tools</code> beside your <code>agent.yaml</code>:
          </p>
          <pre>
            {
              'from journeyman import tool\n\n@tool(effects="none")\ndef add(a: int, b: int) -> int:\n    """Add two numbers."""\n    return a + b'
            }
          </pre>
        </Empty>
      )}
    </div>
  );
}

function Card({ tool }: { tool: Tool }) {
  return (
    <li class="card stack">
      <h3>
        <a href={to(["tools", tool.name])}>{visible(tool.name)}</a>
      </h3>
      <p class="tool-description">{visible(tool.description)}</p>
      <p class="quiet">
        effects {tool.effects} · {visible(tool.source)}
        {tool.approval !== "never" && " · asks"}
        {tool.checks.some((each) => !each.allowed) && " · has findings"}
        <br />
        {metricsOf(tool)}
      </p>
    </li>
  );
}

function metricsOf(tool: Tool): string {
  const metrics = tool.metrics as Record<string, number | undefined>;
  if (!metrics.calls) return "not called since the start";
  const took = metrics.p95 ? `, 95 % within ${duration(metrics.p95 * 1000)}` : "";
  return `${counted(metrics.calls, "call")}, ${metrics.errors ?? 0} failed${took}`;
}
