import { data, type Schemas } from "@journeyman/client";
import { Empty } from "../../parts/Empty";
import { More } from "../../parts/More";
import { Notice } from "../../parts/Notice";
import { duration } from "../../parts/Time";
import { usePages } from "../../parts/usePages";
import { visible } from "../../parts/visible";
import { address, changeQuery, to } from "../../shell/address";
import { useShortcuts } from "../../shell/keyboard";
import { server } from "../../shell/server";
import { ToolPage } from "./ToolPage";
import "./tools.css";

type Tool = Schemas["ToolAnswer"];

/** `/tools` lists the tools, `/tools/NAME` shows one of them and tries it. */
export function ToolsView() {
  const name = address.value.path[1];
  return name ? <ToolPage name={name} key={name} /> : <ToolList />;
}

function ToolList() {
  const wanted = address.value.query.get("q") ?? "";
  const pages = usePages<Tool>("tools", (cursor) =>
    data(server.requests.GET("/tools", { params: { query: { cursor, limit: 100 } } })),
  );
  useShortcuts([{ keys: "/", does: "Search a tool", run: () => document.getElementById("tool-search")?.focus() }]);
  const shown = pages.items.filter((each) =>
    `${each.name} ${each.description}`.toLowerCase().includes(wanted.toLowerCase()),
  );
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
      </search>
      {pages.error && <Notice error={pages.error} retry={pages.reload} />}
      <ul class="cards">
        {shown.map((tool) => (
          <li key={tool.name} class="card stack">
            <h2>
              <a href={to(["tools", tool.name])}>{visible(tool.name)}</a>
            </h2>
            <p class="tool-description">{visible(tool.description)}</p>
            <p class="quiet">
              effects {tool.effects} · {visible(tool.source)}
              {tool.approval !== "never" && " · asks"}
              {tool.checks.some((each) => !each.allowed) && " · has findings"}
              <br />
              {metricsOf(tool)}
            </p>
          </li>
        ))}
      </ul>
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

function metricsOf(tool: Tool): string {
  const metrics = tool.metrics as Record<string, number | undefined>;
  if (!metrics.calls) return "not called since the start";
  const took = metrics.p95 ? `, 95 % within ${duration(metrics.p95 * 1000)}` : "";
  return `${metrics.calls} calls, ${metrics.errors ?? 0} failed${took}`;
}
