import { ApiError, type Schemas } from "@journeyman/client";
import { useId, useState } from "preact/hooks";
import { Changes } from "../parts/Changes";
import { Json } from "../parts/Json";
import { Notice } from "../parts/Notice";
import { Time } from "../parts/Time";
import { editableJson, visible } from "../parts/visible";
import { forbidden } from "../shell/session";
import type { Asked } from "./foldRun";
import { answer } from "./runActions";
import "./asked.css";

const WORDS: Record<string, string> = {
  approve: "Approve",
  deny: "Deny",
  retry: "It did not happen: run it again",
  done: "It is done",
  fail: "It failed",
};
const TITLES: Record<string, string> = {
  tool: "May this call run?",
  unknown_outcome: "Did this call happen?",
  node: "May the graph go on?",
  question: "A question",
  limit: "A limit is reached. May the run go on?",
};

/** What a run asks a human, and its answer: with the arguments that would run, which may be edited. */
export function AskedCard({
  run,
  asked,
  answered,
}: {
  run: string;
  asked: Asked;
  answered?: (decision: string) => void;
}) {
  return (
    <section class="asked" aria-label={TITLES[asked.kind] ?? "A question"}>
      <h3>{TITLES[asked.kind] ?? "A question"}</h3>
      {asked.message && <p>{visible(asked.message)}</p>}
      {asked.deadline && !asked.answer && (
        <p class="quiet">
          After <Time at={new Date(asked.deadline).toISOString()} /> the answer is “{asked.default}”.
        </p>
      )}
      {asked.answerer === "other" && !asked.answer && (
        <p class="quiet">Somebody else than who started the run must answer.</p>
      )}
      {asked.answer ? <Given asked={asked} /> : <Form run={run} asked={asked} answered={answered} />}
    </section>
  );
}

function Given({ asked }: { asked: Asked }) {
  const given = asked.answer;
  if (!given) return null;
  return (
    <>
      {asked.tool && <Json value={given.arguments ?? asked.arguments} label={`Arguments of ${asked.tool}`} />}
      {asked.tool && given.arguments && (
        <Changes before={asked.arguments} after={given.arguments} none="The edited arguments are the same." />
      )}
      <p class="quiet">
        {WORDS[given.decision] ?? given.decision}
        {given.arguments && ", with edited arguments"}, by {visible(given.by)}, <Time at={given.at} />
      </p>
    </>
  );
}

function Form({
  run,
  asked,
  answered,
}: {
  run: string;
  asked: Asked;
  answered: ((decision: string) => void) | undefined;
}) {
  const original = editableJson(asked.arguments);
  const [values, setValues] = useState(original);
  const [result, setResult] = useState(asked.result ?? "");
  const [raised, setRaised] = useState(String(asked.limit?.up_to ?? ""));
  const [error, setError] = useState<ApiError | null>(null);
  const [sending, setSending] = useState(false);
  const field = useId();
  const reason = forbidden("approve");
  const editable = (asked.kind === "tool" || asked.kind === "unknown_outcome") && asked.hidden.length === 0;
  const send = async (decision: string) => {
    setSending(true);
    setError(null);
    try {
      await answer(run, [answerOf(asked, decision, { values, original, result, raised })]);
      answered?.(decision);
    } catch (failed) {
      setError(failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) }));
    } finally {
      setSending(false);
    }
  };
  return (
    <div class="stack">
      {asked.tool && !editable && <Json value={asked.arguments} label={`Arguments of ${asked.tool}`} />}
      {editable && (
        <label class="field" for={field}>
          Arguments of {visible(asked.tool)}
          <textarea
            id={field}
            class="mono"
            rows={Math.min(12, values.split("\n").length + 1)}
            value={values}
            onInput={(event) => setValues(event.currentTarget.value)}
          />
        </label>
      )}
      {editable && values !== original && (
        <Edited before={asked.arguments} values={values} undo={() => setValues(original)} />
      )}
      {asked.decisions.includes("done") && (
        <label class="field" for={`${field}-result`}>
          {asked.kind === "question" ? "Your answer" : "Its result, if it is done"}
          <textarea
            id={`${field}-result`}
            rows={2}
            value={result}
            onInput={(event) => setResult(event.currentTarget.value)}
          />
        </label>
      )}
      {asked.limit && (
        <label class="field" for={`${field}-limit`}>
          New value of {asked.limit.name}
          {asked.limit.value !== null && `, now ${asked.limit.value}`}, at most {asked.limit.up_to}
          <input
            id={`${field}-limit`}
            inputMode="decimal"
            value={raised}
            onInput={(event) => setRaised(event.currentTarget.value)}
          />
        </label>
      )}
      {error && <Notice error={error} />}
      <div class="row">
        {asked.decisions.map((decision) => (
          <button
            key={decision}
            type="button"
            class={decision === "approve" || (decision === "done" && asked.kind === "question") ? "primary" : ""}
            disabled={sending || reason !== null}
            title={reason ?? undefined}
            onClick={() => send(decision)}
          >
            {asked.kind === "question" && decision === "done" ? "Answer" : (WORDS[decision] ?? decision)}
          </button>
        ))}
      </div>
      {reason && <p class="quiet">{reason}</p>}
    </div>
  );
}

/** What the edited arguments change, before they are sent. */
function Edited({ before, values, undo }: { before: Record<string, unknown>; values: string; undo: () => void }) {
  const after = objectOf(values);
  return (
    <section aria-label="What you change">
      <p class="row quiet">
        <span>You change:</span>
        <button type="button" class="plain" onClick={undo}>
          Undo
        </button>
      </p>
      {typeof after === "string" ? (
        <p role="status">{after}</p>
      ) : (
        <Changes before={before} after={after} none="Nothing but how it is written." />
      )}
    </section>
  );
}

type Given = { values: string; original: string; result: string; raised: string };

function answerOf(asked: Asked, decision: string, given: Given): Schemas["AnswerRequest"] {
  const made = { approval: asked.approval, decision } as Schemas["AnswerRequest"];
  if (decision === "done") return { ...made, result: given.result };
  if (decision !== "approve" && decision !== "retry") return made;
  if (asked.limit) return { ...made, arguments: { [asked.limit.name]: Number(given.raised) } };
  return given.values === given.original ? made : { ...made, arguments: parsed(given.values) };
}

function parsed(values: string): Record<string, unknown> {
  const made = objectOf(values);
  if (typeof made === "string") throw new ApiError(0, { error: made });
  return made;
}

/** Return the JSON object that a text holds, or the sentence that says why it holds none. */
function objectOf(values: string): Record<string, unknown> | string {
  let made: unknown;
  try {
    made = JSON.parse(values);
  } catch {
    return "The arguments are not valid JSON. Correct them, or undo the change.";
  }
  if (typeof made !== "object" || made === null || Array.isArray(made))
    return "The arguments are a JSON object, such as {}.";
  return made as Record<string, unknown>;
}
