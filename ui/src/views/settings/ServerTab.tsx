import { ApiError } from "@journeyman/client";
import { Notice } from "../../parts/Notice";
import { Time } from "../../parts/Time";
import { useResource } from "../../parts/useResource";
import { visible } from "../../parts/visible";
import { server } from "../../shell/server";
import { type Caller, caller } from "../../shell/session";
import { Reload } from "../agents/Reload";

interface Health {
  status: string;
  reasons: Record<string, unknown>;
  details: { sandbox?: { level: string } & Record<string, unknown> } & Record<string, unknown>;
}

const LEVELS: Record<string, string> = {
  full: "Tools that run apart have no network and see no files but their own, unless they declare them.",
  partial: "This machine can confine tools that run apart only in part. What it lacks is listed below.",
  none: "This machine cannot confine tools. They may do what the server’s own user may.",
};
const WALLS: Record<string, string> = {
  namespaces: "Namespaces of their own (processes, network, mounts)",
  system_calls: "System calls that they do not need are refused",
  paths: "Files that they may not use are refused",
};

/** Whether the server is ready, how tools are confined, who the caller is, and a way to read files anew. */
export function ServerTab() {
  const health = useResource("readyz", readHealth, 10);
  const known = caller.value as Caller;
  return (
    <div class="settings-parts">
      <section class="card stack">
        <h2>State</h2>
        {health.error && <Notice error={health.error} retry={health.reload} />}
        {health.data && <Ready health={health.data} />}
        <dl class="facts">
          <dt>Version</dt>
          <dd>{visible(known.version)}</dd>
          <dt>Address</dt>
          <dd>{server.address}</dd>
          <dt>Authentication</dt>
          <dd>
            {known.auth_mode === "required"
              ? "Every request needs a key or token."
              : "Off: whoever reaches the server may do everything. By default only this machine can."}
          </dd>
        </dl>
      </section>
      <section class="card stack">
        <h2>Sandbox of tools</h2>
        {health.data?.details.sandbox ? (
          <Sandbox sandbox={health.data.details.sandbox} />
        ) : (
          <p class="quiet">{health.data ? "It is known once the server is ready." : "…"}</p>
        )}
      </section>
      <section class="card stack">
        <h2>You</h2>
        <You caller={known} />
      </section>
      <section class="card stack">
        <h2>Files of agents and tools</h2>
        <p class="quiet">
          They are checked first. If something is wrong with them, everything stays as it is, and the problems are
          listed.
        </p>
        <Reload done={health.reload} />
      </section>
    </div>
  );
}

/** Read the readiness. An answer that says that the server is not ready is no error here. */
async function readHealth(): Promise<Health> {
  const answer = await server.send("/readyz", { cache: "no-store" });
  if (answer.status !== 200 && answer.status !== 503) throw new ApiError(answer.status, {});
  return answer.json();
}

function Ready({ health }: { health: Health }) {
  if (health.status === "ready")
    return (
      <p class="status finished">
        <span aria-hidden="true">✓</span> Ready for work
      </p>
    );
  return (
    <div class="notice wait">
      <p>The server is not ready for work:</p>
      <ul>
        {Object.entries(health.reasons).map(([name, reason]) => (
          <li key={name}>
            <code>{visible(name)}</code> {visible(typeof reason === "string" ? reason : JSON.stringify(reason))}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Sandbox({ sandbox }: { sandbox: { level: string } & Record<string, unknown> }) {
  return (
    <>
      <p>
        <strong>{visible(sandbox.level)}</strong>
      </p>
      <p class="quiet">{LEVELS[sandbox.level] ?? ""}</p>
      <ul class="walls">
        {Object.entries(sandbox)
          .filter(([name]) => name !== "level")
          .map(([name, value]) => (
            <li key={name}>
              {WALLS[name] ?? visible(name.replaceAll("_", " "))}: <strong>{said(value)}</strong>
            </li>
          ))}
      </ul>
    </>
  );
}

function said(value: unknown): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return visible(typeof value === "string" ? value : JSON.stringify(value));
}

function You({ caller: known }: { caller: Caller }) {
  return (
    <dl class="facts">
      <dt>Principal</dt>
      <dd>{visible(known.principal)}</dd>
      <dt>Key</dt>
      <dd>{known.key_id ? <code>{known.key_id}</code> : "none"}</dd>
      <dt>Ends</dt>
      <dd>{known.expires_at ? <Time at={known.expires_at} /> : "not by itself"}</dd>
      <dt>Scopes</dt>
      <dd>{known.scopes.join(", ")}</dd>
    </dl>
  );
}
