import { data } from "@journeyman/client";
import { Empty } from "../../parts/Empty";
import { More } from "../../parts/More";
import { Notice } from "../../parts/Notice";
import { usePages } from "../../parts/usePages";
import { visible } from "../../parts/visible";
import { address, to } from "../../shell/address";
import { server } from "../../shell/server";
import { AgentPage } from "./AgentPage";
import { Reload } from "./Reload";

/** `/agents` lists the agents, `/agents/NAME` shows the definition of one. */
export function AgentsView() {
  const name = address.value.path[1];
  return name ? <AgentPage name={name} key={name} /> : <AgentList />;
}

function AgentList() {
  const pages = usePages("agents", (cursor) =>
    data(server.requests.GET("/agents", { params: { query: { cursor, limit: 100 } } })),
  );
  return (
    <div class="page">
      <header>
        <h1>Agents</h1>
      </header>
      <Reload done={pages.reload} />
      {pages.error && <Notice error={pages.error} retry={pages.reload} />}
      <ul class="cards">
        {pages.items.map((agent) => (
          <li key={agent.name} class="card stack">
            <h2>
              <a href={to(["agents", agent.name])}>{visible(agent.name)}</a>
            </h2>
            <p class="quiet">
              {agent.type}, {visible(agent.model.name)}
              {agent.default && ", answers if no agent is named"}
            </p>
            <p>{visible(agent.description)}</p>
            <p class="row">
              <a href={to("chat", { agent: agent.name })}>Talk to it</a>
              <a href={to("runs", { agent: agent.name })}>Its runs</a>
              <a href={to(["graph", agent.name])}>Its graph</a>
            </p>
          </li>
        ))}
      </ul>
      <More pages={pages} />
      {!pages.loading && !pages.error && pages.items.length === 0 && (
        <Empty title="There is no agent yet">
          <p>
            <code>journeyman init my-agent</code> writes a first one; start the server with its folder.
          </p>
        </Empty>
      )}
    </div>
  );
}
