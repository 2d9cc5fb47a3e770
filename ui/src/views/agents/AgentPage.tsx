import { ApiError, data, type Schemas } from "@journeyman/client";
import { useState } from "preact/hooks";
import { Id } from "../../parts/Id";
import { Json } from "../../parts/Json";
import { Notice } from "../../parts/Notice";
import { Text } from "../../parts/Text";
import { Time } from "../../parts/Time";
import { useResource } from "../../parts/useResource";
import { visible } from "../../parts/visible";
import { to } from "../../shell/address";
import { server } from "../../shell/server";
import { forbidden } from "../../shell/session";
import { Problems, Reload } from "./Reload";

type Agent = Schemas["AgentAnswer"];

/** One agent: its definition as it is served, its versions and its problems. */
export function AgentPage({ name }: { name: string }) {
  const agent = useResource(`agent ${name}`, () =>
    data(server.requests.GET("/agents/{name}", { params: { path: { name } } })),
  );
  return (
    <div class="page">
      <header>
        <h1>{visible(name)}</h1>
        <a href={to("chat", { agent: name })}>Talk to it</a>
        <a href={to(["graph", name])}>Its graph</a>
        <a href={to("runs", { agent: name })}>Its runs</a>
        <a href={to("agents")}>To all agents</a>
      </header>
      {agent.error && <Notice error={agent.error} retry={agent.reload} />}
      {agent.data && <Definition agent={agent.data} reload={agent.reload} />}
    </div>
  );
}

function Definition({ agent, reload }: { agent: Agent; reload: () => void }) {
  const { gateway, temperature, max_tokens } = agent.model;
  return (
    <div class="stack">
      <Reload done={reload} />
      {(agent.reload_problems.length > 0 || (agent.problems ?? []).length > 0) && (
        <div class="notice bad">
          <p>Its files have problems:</p>
          <Problems problems={[...agent.reload_problems, ...(agent.problems ?? [])]} />
        </div>
      )}
      <dl class="facts">
        <dt>Type</dt>
        <dd>{agent.type}</dd>
        <dt>Description</dt>
        <dd>{visible(agent.description)}</dd>
        <dt>Model</dt>
        <dd>
          {visible(agent.model.name)}
          {gateway && ` by the gateway ${visible(gateway)}`}
          {temperature !== null && `, temperature ${temperature}`}
          {max_tokens !== null && `, at most ${max_tokens} tokens`}
        </dd>
        <dt>Version</dt>
        <dd>
          <Id value={agent.version} />
          {agent.rolled_back && " (rolled back: it is not what the files say)"}
        </dd>
      </dl>
      <h2>Prompt</h2>
      <Text text={agent.prompt} label="Prompt" />
      <h2>Tools</h2>
      <ul class="row">
        {agent.tools.map((tool) => (
          <li key={tool.name}>
            <a href={to(["tools", tool.name])}>{visible(tool.name)}</a>
          </li>
        ))}
      </ul>
      <h2>Limits</h2>
      <Json value={agent.limits} label="Limits" />
      <h2>History</h2>
      <Json value={agent.history} label="History" />
      {agent.output && (
        <>
          <h2>Output</h2>
          <Json value={agent.output} label="Output" />
        </>
      )}
      <Versions agent={agent} changed={reload} />
    </div>
  );
}

function Versions({ agent, changed }: { agent: Agent; changed: () => void }) {
  const [error, setError] = useState<ApiError | null>(null);
  const reason = forbidden("admin");
  const rollBack = async (version: string) => {
    setError(null);
    try {
      const params = { path: { name: agent.name } };
      await data(server.requests.POST("/agents/{name}/rollback", { params, body: { version } }));
      changed();
    } catch (failed) {
      setError(failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) }));
    }
  };
  return (
    <section class="stack">
      <h2>Versions of this server process</h2>
      {error && <Notice error={error} />}
      <div class="table-box">
        <table>
          <thead>
            <tr>
              <th>Version</th>
              <th>Since</th>
              <th>
                <span class="hidden-label">What to do</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {agent.versions.map((each) => (
              <tr key={each.version}>
                <td>
                  <Id value={each.version} />
                </td>
                <td>
                  <Time at={each.since} />
                </td>
                <td>
                  {each.current ? (
                    "served now"
                  ) : (
                    <button
                      type="button"
                      disabled={reason !== null}
                      title={reason ?? undefined}
                      onClick={() => rollBack(each.version)}
                    >
                      Serve this one
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
