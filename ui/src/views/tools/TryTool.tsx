import { ApiError, data, type Schemas } from "@journeyman/client";
import { useMemo, useState } from "preact/hooks";
import { Json } from "../../parts/Json";
import { Notice } from "../../parts/Notice";
import { duration } from "../../parts/Time";
import { visible } from "../../parts/visible";
import { AskedCard } from "../../run/AskedCard";
import { askedOf } from "../../run/askedOf";
import { to } from "../../shell/address";
import { server } from "../../shell/server";
import { forbidden } from "../../shell/session";
import { SchemaForm } from "./SchemaForm";
import {
  finished,
  inlined,
  type Problems,
  problemsByPath,
  problemsOf,
  type Schema,
  startOf,
  Unfinished,
} from "./schemaValues";

const UNENDED = ["queued", "running", "paused"];
type Result = Schemas["ExecuteToolAnswer"];

interface Props {
  tool: Schemas["ToolAnswer"];
  /** The agent with whose policies it runs; null: with its own. */
  agent: string | null;
  done: () => void;
}

/** The form of a tool, made from its schema, and the result of a call with what is in it. */
export function TryTool({ tool, agent, done }: Props) {
  const schema = useMemo(() => inlined(tool.parameters as Schema), [tool.parameters]);
  const [values, setValues] = useState<unknown>(() => startOf(schema));
  const [problems, setProblems] = useState<Problems>({});
  const [result, setResult] = useState<Result | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [running, setRunning] = useState(false);
  const reason = forbidden("tools");
  const anyObject = !schema.properties && schema.additionalProperties !== false;
  const send = async (event: Event) => {
    event.preventDefault();
    const given = finished(values);
    const found = anyObject ? wholeProblems(given) : problemsOf(schema, given);
    setProblems(found);
    setResult(null);
    setError(null);
    if (Object.keys(found).length) return;
    setRunning(true);
    try {
      const body = { tool_name: tool.name, arguments: (given ?? {}) as Record<string, unknown>, agent };
      setResult((await data(server.requests.POST("/execute_tool", { body: body as never }))) as Result);
      done();
    } catch (failed) {
      const known = failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) });
      setProblems(problemsByPath(known.errors));
      setError(known);
    } finally {
      setRunning(false);
    }
  };
  return (
    <section class="stack">
      <h2>Try it</h2>
      <form class="stack" onSubmit={send} noValidate>
        {anyObject ? (
          <SchemaForm
            schema={{ properties: { arguments: { description: "Its schema names no fields: a JSON object." } } }}
            value={{ arguments: values }}
            change={(next) => setValues((next as { arguments?: unknown }).arguments)}
            problems={problems}
            path=""
          />
        ) : (
          <SchemaForm schema={schema} value={values} change={setValues} problems={problems} path="" />
        )}
        <div class="row">
          <button type="submit" class="primary" disabled={running || reason !== null} title={reason ?? undefined}>
            {running ? "Runs…" : "Run"}
          </button>
          {tool.effects !== "none" && (
            <span class="quiet">It really runs, with effects “{tool.effects}”, and is recorded as a run.</span>
          )}
        </div>
        {reason && <p class="quiet">{reason}</p>}
      </form>
      {error && <Notice error={error} />}
      {result && <Shown result={result} />}
    </section>
  );
}

/** What the call asks, and after the answer what became of it. */
function Asked({ approval }: { approval: Schemas["ApprovalAnswer"] }) {
  const [answered, setAnswered] = useState(false);
  const [outcome, setOutcome] = useState<Schemas["OutcomeAnswer"] | null>(null);
  const wait = async () => {
    setAnswered(true);
    const params = { path: { approval_id: approval.approval }, query: { wait: 20 } };
    setOutcome(await data(server.requests.GET("/approvals/{approval_id}", { params })).catch(() => null));
  };
  if (!answered) return <AskedCard run={approval.run_id} asked={askedOf(approval)} answered={wait} />;
  return (
    <>
      <p>
        Answered. <a href={to(["approvals", approval.approval])}>What has become of it</a>
      </p>
      {outcome?.error && <Failed error={outcome.error} />}
      {outcome?.result && <Json value={outcome.result} label="Result" />}
    </>
  );
}

function Failed({ error }: { error: Schemas["Failure"] }) {
  return (
    <p class="notice bad">
      <code>{error.code}</code> {visible(error.message)}
    </p>
  );
}

function wholeProblems(given: unknown): Problems {
  const fits = given === undefined || (typeof given === "object" && given !== null && !Array.isArray(given));
  return fits && !(given instanceof Unfinished) ? {} : { arguments: "This is not a JSON object, such as {}." };
}

function Shown({ result }: { result: Result }) {
  return (
    <section class="stack" aria-label="Result" aria-live="polite">
      <h3>Result</h3>
      <p class="row quiet">
        <span>{result.status}</span>
        <span>{duration(result.duration_ms)}</span>
        {result.cached && <span>from the cache</span>}
        <a href={to(["runs", result.run_id])}>Its run</a>
      </p>
      {result.waiting_reason && <p>{visible(result.waiting_reason)}</p>}
      {UNENDED.includes(result.status) && <p>The call is not over. Its run shows how it goes on.</p>}
      {result.error && <Failed error={result.error} />}
      {(result.approvals ?? []).map((each) => (
        <Asked key={each.approval} approval={each} />
      ))}
      {result.response && <Json value={result.response} label="Result" />}
    </section>
  );
}
