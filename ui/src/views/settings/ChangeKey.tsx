import { ApiError, data, type Schemas } from "@journeyman/client";
import { useState } from "preact/hooks";
import { Dialog } from "../../parts/Dialog";
import { Notice } from "../../parts/Notice";
import { visible } from "../../parts/visible";
import { server } from "../../shell/server";
import { caller } from "../../shell/session";
import { Secret } from "./Secret";

interface Props {
  of: Schemas["KeyAnswer"];
  kind: "revoke" | "rotate";
  close: () => void;
  done: () => void;
}

const GRACE: [name: string, seconds: number][] = [
  ["ends at once", 0],
  ["stays valid for an hour", 3600],
  ["stays valid for a day", 86_400],
];

/** Ask before a key is revoked or rotated; a rotated one shows the secret of its successor. */
export function ChangeKey({ of: key, kind, close, done }: Props) {
  const [grace, setGrace] = useState(3600);
  const [error, setError] = useState<ApiError | null>(null);
  const [secret, setSecret] = useState<{ key: string | null } | null>(null);
  const params = { path: { key_id: key.id } };
  const send = async () => {
    setError(null);
    try {
      if (kind === "revoke") {
        await data(server.requests.POST("/keys/{key_id}/revoke", { params }));
        close();
      } else
        setSecret(
          await data(server.requests.POST("/keys/{key_id}/rotate", { params, body: { grace_seconds: grace } })),
        );
      done();
    } catch (failed) {
      setError(failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) }));
    }
  };
  const name = `“${visible(key.name)}”`;
  return (
    <Dialog title={kind === "revoke" ? `Revoke the key ${name}?` : `Rotate the key ${name}?`} close={close}>
      {secret ? (
        <Secret value={secret.key} close={close} />
      ) : (
        <div class="stack">
          <p>
            {kind === "revoke"
              ? "It stops working at once, and cannot be made valid again. Runs that it began go on."
              : "A new key takes its place, with the same name, principal, scopes and limits."}
          </p>
          {isOwn(key.id) && <p class="notice wait">You are signed in with this key.</p>}
          {kind === "rotate" && (
            <label class="field">
              The old key
              <select value={grace} onChange={(event) => setGrace(Number(event.currentTarget.value))}>
                {GRACE.map(([text, seconds]) => (
                  <option key={text} value={seconds}>
                    {text}
                  </option>
                ))}
              </select>
            </label>
          )}
          {error && <Notice error={error} />}
          <div class="row">
            <button type="button" class={kind === "revoke" ? "danger" : "primary"} onClick={send}>
              {kind === "revoke" ? "Revoke" : "Rotate"}
            </button>
            <button type="button" onClick={close}>
              Leave it
            </button>
          </div>
        </div>
      )}
    </Dialog>
  );
}

function isOwn(id: string): boolean {
  const known = caller.value;
  return typeof known === "object" && known !== null && "key_id" in known && known.key_id === id;
}
