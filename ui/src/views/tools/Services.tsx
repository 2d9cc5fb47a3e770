import { ApiError, errorOf } from "@journeyman/client";
import { useState } from "preact/hooks";
import { Notice } from "../../parts/Notice";
import { visible } from "../../parts/visible";
import { server } from "../../shell/server";
import { forbidden } from "../../shell/session";

interface Service {
  name: string;
  inside: number;
  waiting: number;
  max_connections: number;
  retry_budget: number;
  breakers: Record<string, { state: string; failures: number; retry_in: number }>;
}

/** How the connections to outside services are. Read when it is asked for, since only a server with DEBUG tells it. */
export function Services() {
  const [services, setServices] = useState<Service[] | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const reason = forbidden("admin");
  const read = async () => {
    setError(null);
    try {
      setServices(await asked());
    } catch (failed) {
      setServices(null);
      setError(failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) }));
    }
  };
  return (
    <section class="stack services" aria-label="Connections">
      <div class="row">
        <button type="button" disabled={reason !== null} title={reason ?? undefined} onClick={read}>
          {services ? "Read the connections anew" : "How are the connections?"}
        </button>
        {reason && <span class="quiet">{reason}</span>}
      </div>
      {error?.status === 404 ? (
        <p class="notice">
          Only a server with <code>DEBUG=true</code> tells how its connections are.
        </p>
      ) : (
        error && <Notice error={error} retry={read} />
      )}
      {services && (services.length ? <Table services={services} /> : <p>No service was called yet.</p>)}
    </section>
  );
}

async function asked(): Promise<Service[]> {
  const answer = await server.send("/debug/services");
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw errorOf(answer, body);
  return (body as { items: Service[] }).items;
}

function Table({ services }: { services: Service[] }) {
  return (
    <div class="table-box">
      <table>
        <thead>
          <tr>
            <th>Service</th>
            <th>Breaker</th>
            <th class="number">In progress</th>
            <th class="number">Waiting</th>
            <th class="number">Retries left</th>
          </tr>
        </thead>
        <tbody>
          {services.map((each) => (
            <tr key={each.name}>
              <td>{visible(each.name)}</td>
              <td>
                {Object.entries(each.breakers).map(([model, breaker]) => (
                  <div key={model}>
                    {model && `${visible(model)}: `}
                    {stateOf(breaker)}
                  </div>
                ))}
              </td>
              <td class="number">
                {each.inside} of {each.max_connections}
              </td>
              <td class="number">{each.waiting}</td>
              <td class="number">{Math.floor(each.retry_budget)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function stateOf({ state, failures, retry_in }: Service["breakers"][string]): string {
  if (state === "closed") return failures ? `closed, ${failures} failures` : "closed: calls go through";
  return `${state}: calls are refused${retry_in > 0 ? ` for ${Math.ceil(retry_in)} s` : ""}`;
}
