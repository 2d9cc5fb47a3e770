import { ApiError, data } from "@journeyman/client";
import { useState } from "preact/hooks";
import { Dialog } from "../../parts/Dialog";
import { Notice } from "../../parts/Notice";
import { server } from "../../shell/server";
import { Secret } from "./Secret";
import { bodyOf, type KeyForm, LIFETIMES, SCOPES } from "./scopes";

const START: KeyForm = {
  name: "",
  principal: "",
  scopes: ["read", "run"],
  lifetime: 90 * 86_400,
  rate: "",
  tokens: "",
  usd: "",
  runs: "",
};

/** The form of a new key, and then its secret. */
export function MakeKey({ close, made }: { close: () => void; made: () => void }) {
  const [form, setForm] = useState(START);
  const [problem, setProblem] = useState("");
  const [error, setError] = useState<ApiError | null>(null);
  const [sending, setSending] = useState(false);
  const [secret, setSecret] = useState<{ key: string | null } | null>(null);
  const change = (changes: Partial<KeyForm>) => setForm({ ...form, ...changes });
  const send = async (event: Event) => {
    event.preventDefault();
    const body = bodyOf(form);
    setProblem(typeof body === "string" ? body : "");
    setError(null);
    if (typeof body === "string") return;
    setSending(true);
    try {
      setSecret(await data(server.requests.POST("/keys", { body: body as never })));
      made();
    } catch (failed) {
      setError(failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) }));
    } finally {
      setSending(false);
    }
  };
  if (secret)
    return (
      <Dialog title={`The key “${form.name.trim()}” is made`} close={close}>
        <Secret value={secret.key} close={close} />
      </Dialog>
    );
  return (
    <Dialog title="Make a key" close={close}>
      <form class="stack" onSubmit={send} noValidate>
        <Field label="Name" value={form.name} change={(name) => change({ name })} />
        <Scopes chosen={form.scopes} change={(scopes) => change({ scopes })} />
        <label class="field">
          Valid for
          <select value={form.lifetime} onChange={(event) => change({ lifetime: Number(event.currentTarget.value) })}>
            {LIFETIMES.map(([name, seconds]) => (
              <option key={name} value={seconds}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <details>
          <summary>Principal and limits</summary>
          <div class="key-limits">
            <Field
              label="Principal (its own, if empty)"
              value={form.principal}
              change={(principal) => change({ principal })}
            />
            <Field label="Rate, such as 100/60s" value={form.rate} change={(rate) => change({ rate })} />
            <Field label="Tokens a day" value={form.tokens} change={(tokens) => change({ tokens })} />
            <Field label="US dollars a day" value={form.usd} change={(usd) => change({ usd })} />
            <Field label="Runs at a time" value={form.runs} change={(runs) => change({ runs })} />
          </div>
        </details>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        {error && <Notice error={error} />}
        <div class="row">
          <button type="submit" class="primary" disabled={sending}>
            Make the key
          </button>
          <button type="button" onClick={close}>
            Leave it
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Field({ label, value, change }: { label: string; value: string; change: (value: string) => void }) {
  return (
    <label class="field">
      {label}
      <input
        value={value}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => change(event.currentTarget.value)}
      />
    </label>
  );
}

function Scopes({ chosen, change }: { chosen: string[]; change: (scopes: string[]) => void }) {
  return (
    <fieldset class="scopes">
      <legend>Scopes</legend>
      {SCOPES.map(([name, allows]) => (
        <label key={name}>
          <input
            type="checkbox"
            checked={chosen.includes(name)}
            onChange={(event) =>
              change(event.currentTarget.checked ? [...chosen, name] : chosen.filter((each) => each !== name))
            }
          />
          <span>
            <code>{name}</code> <span class="quiet">{allows}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
