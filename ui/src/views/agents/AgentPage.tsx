import { ApiError, data, type Schemas } from "@journeyman/client";
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { Dialog } from "../../parts/Dialog";
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
      {agent.tools.length > 0 ? <Tools agent={agent} /> : <p class="quiet">It has no tools.</p>}
      <h2>Limits of a run</h2>
      <Limits limits={agent.limits as Record<string, unknown>} />
      <h2>History</h2>
      <Facts values={agent.history as Record<string, unknown>} />
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

function Tools({ agent }: { agent: Agent }) {
  return (
    <div class="table-box">
      <table>
        <thead>
          <tr>
            <th>Tool</th>
            <th>Effects</th>
            <th>Approval</th>
            <th>From</th>
          </tr>
        </thead>
        <tbody>
          {agent.tools.map((tool) => (
            <tr key={tool.name}>
              <td>
                <a href={to(["tools", tool.name], { agent: agent.name })}>{visible(tool.name)}</a>
              </td>
              <td>{tool.declared ? tool.effects : `${tool.effects} (not declared)`}</td>
              <td>{tool.approval === "never" ? "never" : <code>{visible(tool.approval)}</code>}</td>
              <td>{visible(tool.source)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Limits({ limits }: { limits: Record<string, unknown> }) {
  const { on_reached, ...bounds } = limits;
  const reactions = typeof on_reached === "object" && on_reached !== null ? on_reached : {};
  const said = Object.entries(bounds).map(([name, value]) => {
    const reaction = (reactions as Record<string, unknown>)[name];
    return [name, reaction === undefined ? value : `${shown(value)}, then ${shown(reaction)}`];
  });
  return <Facts values={Object.fromEntries(said)} />;
}

function Facts({ values }: { values: Record<string, unknown> }) {
  return (
    <dl class="facts">
      {Object.entries(values).map(([name, value]) => (
        <Fragment key={name}>
          <dt>{visible(name)}</dt>
          <dd>{shown(value)}</dd>
        </Fragment>
      ))}
    </dl>
  );
}

function shown(value: unknown): string {
  if (typeof value === "number") return value.toLocaleString();
  if (value === null || value === undefined) return "none";
  return visible(typeof value === "string" ? value : JSON.stringify(value));
}

function Versions({ agent, changed }: { agent: Agent; changed: () => void }) {
  const [error, setError] = useState<ApiError | null>(null);
  const reason = forbidden("admin");
  const [chosen, setChosen] = useState<string | null>(null);
  const rollBack = async (version: string) => {
    setError(null);
    setChosen(null);
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
      {chosen && (
        <Dialog title="Serve an older version?" close={() => setChosen(null)}>
          <div class="stack">
            <p>
              New runs of {visible(agent.name)} use version <code>{chosen}</code>, until its files or tools change or
              the server is started again. Runs in progress keep theirs. The files stay as they are.
            </p>
            <div class="row">
              <button type="button" class="primary" onClick={() => rollBack(chosen)}>
                Serve it
              </button>
              <button type="button" onClick={() => setChosen(null)}>
                Leave it
              </button>
            </div>
          </div>
        </Dialog>
      )}
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
                      onClick={() => setChosen(each.version)}
                    >
                      Serve this one…
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
