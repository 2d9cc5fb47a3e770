import { data, type Schemas } from "@journeyman/client";
import { useState } from "preact/hooks";
import { Empty } from "../../parts/Empty";
import { Id } from "../../parts/Id";
import { More } from "../../parts/More";
import { Notice } from "../../parts/Notice";
import { Time } from "../../parts/Time";
import { usePages } from "../../parts/usePages";
import { visible } from "../../parts/visible";
import { server } from "../../shell/server";
import { type Caller, caller, forbidden } from "../../shell/session";
import { ChangeKey } from "./ChangeKey";
import { MakeKey } from "./MakeKey";

type Key = Schemas["KeyAnswer"];
type Change = { of: Key; kind: "revoke" | "rotate" };

/** The API keys: who has which scopes and until when; make, rotate and revoke them. */
export function KeysTab() {
  const reason = forbidden("admin");
  if (reason) return <p class="quiet">{reason}</p>;
  return <Keys />;
}

function Keys() {
  const [making, setMaking] = useState(false);
  const [change, setChange] = useState<Change | null>(null);
  const keys = usePages<Key>("keys", (cursor) =>
    data(server.requests.GET("/keys", { params: { query: { cursor, limit: 100 } } })),
  );
  const off = (caller.value as Caller).auth_mode === "off";
  return (
    <div class="stack">
      <div class="row">
        <button type="button" class="primary" disabled={off} onClick={() => setMaking(true)}>
          Make a key…
        </button>
        {off && (
          <span class="quiet">
            This server asks for no key. Keys are made and changed here once it runs with{" "}
            <code>AUTH_MODE=required</code>.
          </span>
        )}
      </div>
      {keys.error && <Notice error={keys.error} retry={keys.reload} />}
      {keys.items.length > 0 && <Table keys={keys.items} change={off ? null : setChange} />}
      <More pages={keys} />
      {!keys.loading && !keys.error && keys.items.length === 0 && (
        <Empty title="There is no key yet">
          <p>
            Make one here, or at the server’s terminal: <code>journeyman keys create --name ci --scopes run,read</code>
          </p>
        </Empty>
      )}
      {making && <MakeKey close={() => setMaking(false)} made={keys.reload} />}
      {change && <ChangeKey {...change} close={() => setChange(null)} done={keys.reload} />}
    </div>
  );
}

function Table({ keys, change }: { keys: Key[]; change: ((change: Change) => void) | null }) {
  return (
    <div class="table-box">
      <table>
        <thead>
          <tr>
            <th>Name</th>
            <th>State</th>
            <th>Principal</th>
            <th>Scopes</th>
            <th>Limits</th>
            <th>Made</th>
            <th>Id</th>
            <th>
              <span class="hidden-label">What to do</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id}>
              <td>{visible(key.name)}</td>
              <td>
                <State of={key} />
              </td>
              <td>{visible(key.principal)}</td>
              <td>{key.scopes.join(", ")}</td>
              <td>{limits(key)}</td>
              <td>
                <Time at={key.created_at} />
              </td>
              <td>
                <Id value={key.id} />
              </td>
              <td>{key.usable && change && <Actions of={key} change={change} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function State({ of: key }: { of: Key }) {
  if (key.revoked_at)
    return (
      <span class="quiet">
        – revoked <Time at={key.revoked_at} />
      </span>
    );
  if (!key.usable) return <span class="quiet">– expired {key.expires_at && <Time at={key.expires_at} />}</span>;
  return (
    <span>
      <span class="status finished">✓ valid</span>
      {key.expires_at && (
        <span class="quiet">
          {" "}
          until <Time at={key.expires_at} />
        </span>
      )}
    </span>
  );
}

function Actions({ of: key, change }: { of: Key; change: (change: Change) => void }) {
  return (
    <span class="key-actions">
      <button type="button" class="plain" onClick={() => change({ of: key, kind: "rotate" })}>
        Rotate…<span class="hidden-label"> {key.name}</span>
      </button>
      <button type="button" class="plain danger" onClick={() => change({ of: key, kind: "revoke" })}>
        Revoke…<span class="hidden-label"> {key.name}</span>
      </button>
    </span>
  );
}

function limits({ rate, quota }: Key): string {
  const found = [
    rate,
    quota.tokens_per_day !== null && `${quota.tokens_per_day} tokens a day`,
    quota.usd_per_day !== null && `$${quota.usd_per_day} a day`,
    quota.concurrent_runs !== null && `${quota.concurrent_runs} runs at a time`,
  ];
  return found.filter(Boolean).join(", ") || "none of its own";
}
