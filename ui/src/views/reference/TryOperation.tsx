import { ApiError } from "@journeyman/client";
import { useState } from "preact/hooks";
import { CopyButton } from "../../parts/CopyButton";
import { Json } from "../../parts/Json";
import { Notice } from "../../parts/Notice";
import { duration } from "../../parts/Time";
import { root, server } from "../../shell/server";
import { asksForKeys, forbidden } from "../../shell/session";
import type { Operation } from "./document";

interface Answer {
  status: number;
  headers: [string, string][];
  body: string;
  took: number;
}

const SHOWN_HEADERS = ["content-type", "retry-after", "x-request-id", "x-run-id", "x-thread-id", "ratelimit"];
const LONGEST = 1_000_000;
const SECONDS = 60;

/** A form that sends an operation with the caller's own rights, and shows the whole answer. */
export function TryOperation({
  operation,
  example,
  scope,
}: {
  operation: Operation;
  example: unknown;
  scope: string | null;
}) {
  const [values, setValues] = useState<Record<string, string>>({});
  const [body, setBody] = useState(example === undefined ? "" : JSON.stringify(example, null, 2));
  const [sure, setSure] = useState(false);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [sending, setSending] = useState(false);
  const reason = scope ? forbidden(scope) : null;
  const parameters = (operation.parameters ?? []).filter((each) => each.in === "path" || each.in === "query");
  const dangerous = operation.method === "DELETE" || /prune|revoke|cancel|rotate|rollback/.test(operation.path);
  const path = pathOf(operation, values);
  const send = async (event: Event) => {
    event.preventDefault();
    if (dangerous && !sure) return;
    setSending(true);
    setError(null);
    setAnswer(null);
    try {
      setAnswer(await sent(operation.method, path, body));
    } catch (failed) {
      setError(failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) }));
    } finally {
      setSending(false);
    }
  };
  return (
    <section class="card stack">
      <h3>Try it</h3>
      <form class="stack" onSubmit={send}>
        {parameters.map((each) => (
          <label class="field" key={each.name}>
            {each.name}
            {each.required && " (required)"}
            <input
              required={each.required}
              value={values[each.name] ?? ""}
              onInput={(event) => setValues({ ...values, [each.name]: event.currentTarget.value })}
            />
          </label>
        ))}
        {example !== undefined && (
          <label class="field">
            Body
            <textarea
              class="mono"
              rows={Math.min(14, body.split("\n").length + 1)}
              value={body}
              onInput={(event) => setBody(event.currentTarget.value)}
            />
          </label>
        )}
        {dangerous && (
          <label class="row">
            <input type="checkbox" checked={sure} onChange={(event) => setSure(event.currentTarget.checked)} />I know
            that this changes or ends something for good.
          </label>
        )}
        <div class="row">
          <button
            type="submit"
            class="primary"
            disabled={sending || reason !== null || (dangerous && !sure)}
            title={reason ?? undefined}
          >
            {sending ? "Sent…" : "Send"}
          </button>
          <CopyButton text={curlOf(operation.method, path, body)} label="Copy as curl" />
        </div>
        {reason && <p class="quiet">{reason}</p>}
      </form>
      {error && <Notice error={error} />}
      {answer && <Shown answer={answer} />}
    </section>
  );
}

function Shown({ answer }: { answer: Answer }) {
  return (
    <section class="stack" aria-label="Answer" aria-live="polite">
      <p class="row">
        <strong>{answer.status}</strong> <span class="quiet">after {duration(answer.took)}</span>
      </p>
      <dl class="facts">
        {answer.headers.map(([name, value]) => (
          <div key={name} class="header-row">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {answer.body && <Json value={answer.body} label="Body of the answer" />}
    </section>
  );
}

function pathOf(operation: Operation, values: Record<string, string>): string {
  const path = operation.path.replace(/\{(\w+)(?::path)?\}/g, (whole, name) =>
    values[name] ? encodeURIComponent(values[name]) : whole,
  );
  const query = new URLSearchParams();
  for (const each of operation.parameters ?? [])
    if (each.in === "query" && values[each.name]) query.set(each.name, values[each.name] ?? "");
  const text = query.toString();
  return path + (text ? `?${text}` : "");
}

async function sent(method: string, path: string, body: string): Promise<Answer> {
  const began = performance.now();
  const response = await server.send(path, {
    method,
    headers: { accept: "application/json, */*;q=0.1", ...(body && { "content-type": "application/json" }) },
    body: body || undefined,
    signal: AbortSignal.timeout(SECONDS * 1000),
  });
  const text = (await response.text()).slice(0, LONGEST);
  const headers = [...response.headers].filter(([name]) => SHOWN_HEADERS.some((each) => name.startsWith(each)));
  return { status: response.status, headers, body: text, took: performance.now() - began };
}

function curlOf(method: string, path: string, body: string): string {
  const parts = [`curl -X ${method} '${root}${path}'`];
  if (asksForKeys()) parts.push(`-H "Authorization: Bearer $JOURNEYMAN_KEY"`);
  if (body) parts.push("-H 'Content-Type: application/json'", `-d '${body.replaceAll("'", "'\\''")}'`);
  return parts.join(" \\\n  ");
}
