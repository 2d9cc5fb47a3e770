import { data, type Schemas } from "@journeyman/client";
import { Id } from "../../parts/Id";
import { Json } from "../../parts/Json";
import { Notice } from "../../parts/Notice";
import { useResource } from "../../parts/useResource";
import { visible } from "../../parts/visible";
import { to } from "../../shell/address";
import { server } from "../../shell/server";
import { TryTool } from "./TryTool";

type Tool = Schemas["ToolAnswer"];

/** One tool: its form, its policies, what the checks found, its figures. */
export function ToolPage({ name }: { name: string }) {
  const tool = useResource(`tool ${name}`, () =>
    data(server.requests.GET("/tools/{name}", { params: { path: { name } } })),
  );
  return (
    <div class="page">
      <header>
        <h1>{visible(name)}</h1>
        <a href={to("tools")}>To all tools</a>
      </header>
      {tool.error && <Notice error={tool.error} retry={tool.reload} />}
      {tool.data && (
        <div class="tool-page">
          <div class="stack">
            <p class="plain-text">{visible(tool.data.description)}</p>
            <TryTool tool={tool.data} done={tool.reload} />
          </div>
          <div class="stack">
            <Policies tool={tool.data} />
            <Checks tool={tool.data} />
            <Figures tool={tool.data} />
            <details>
              <summary>Sandbox</summary>
              <Json value={tool.data.sandbox} label="Sandbox" />
            </details>
            <details>
              <summary>Schema</summary>
              <Json value={tool.data.parameters} label="Schema" />
            </details>
          </div>
        </div>
      )}
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
    ["Cache", tool.cache_ttl === 0 ? "no" : `${tool.cache_ttl} s, by ${tool.cache_scope}`],
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
  return (
    <section>
      <h2>Since the start</h2>
      <dl class="facts">
        {Object.entries(tool.metrics).map(([name, value]) => (
          <Fact key={name} term={name.replaceAll("_", " ")} value={rounded(value)} />
        ))}
      </dl>
    </section>
  );
}

function rounded(value: unknown): string {
  return typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(3) : String(value);
}
