import { ApiError } from "@journeyman/client";
import { useState } from "preact/hooks";
import { count, counted, dollars } from "../../parts/amounts";
import { CopyButton } from "../../parts/CopyButton";
import { Id } from "../../parts/Id";
import { Markdown } from "../../parts/Markdown";
import { Notice } from "../../parts/Notice";
import { Status } from "../../parts/Status";
import { Time } from "../../parts/Time";
import { visible } from "../../parts/visible";
import { AskedCard } from "../../run/AskedCard";
import { type RunView, type Step, textOf } from "../../run/foldRun";
import { cancelRun, forkRun, retryRun } from "../../run/runActions";
import { useRun } from "../../run/useRun";
import { waitOf } from "../../run/waits";
import { to } from "../../shell/address";
import { useShortcuts } from "../../shell/keyboard";
import { forbidden } from "../../shell/session";
import { PartsOf } from "./PartsOf";
import { ToolStep } from "./ToolStep";

interface Props {
  run: string;
  last: boolean;
  started: (run: string, thread: string) => void;
}

/** One run as a turn of the conversation: what was asked, what the agent did, and its answer. */
export function RunTurn({ run, last, started }: Props) {
  const { view, connected, error } = useRun(run);
  const [failed, setFailed] = useState<ApiError | null>(null);
  const [editing, setEditing] = useState(false);
  const act = async (action: Promise<{ run_id: string; thread_id: string }>, begins: boolean) => {
    setFailed(null);
    try {
      const made = await action;
      setEditing(false);
      if (begins) started(made.run_id, made.thread_id);
    } catch (problem) {
      setFailed(problem instanceof ApiError ? problem : new ApiError(0, { error: String(problem) }));
    }
  };
  const input = textOf(view.input);
  const resend = (text: string) =>
    act(forkRun(run, { at: 1, edits: { messages: [{ replace: 1, content: text }] } } as never), true);
  return (
    <article class="turn" aria-busy={view.endedAt === null && view.status !== "paused"}>
      {view.input.length > 0 && (
        <div class="asked-by-user">
          {editing ? (
            <Edit text={input} send={resend} close={() => setEditing(false)} />
          ) : (
            <PartsOf parts={view.input} />
          )}
        </div>
      )}
      <div class="answered">
        {view.steps.map((step) => (
          <StepOf key={step.call} step={step} view={view} />
        ))}
        {view.output && view.output !== lastText(view) && <Markdown text={view.output} />}
        {view.error && (
          <p class="notice bad" role="alert">
            <code>{view.error.code}</code> {visible(view.error.message)}{" "}
            {view.error.error_id && <Id value={view.error.error_id} />}
          </p>
        )}
        {error && <Notice error={error} />}
        {!connected && <p class="quiet">The connection is lost. It is opened again…</p>}
        {failed && <Notice error={failed} />}
        <TurnFoot
          view={view}
          last={last}
          edit={() => setEditing(true)}
          cancel={() => act(cancelRun(run), false)}
          retry={() => act(retryRun(run), true)}
        />
      </div>
    </article>
  );
}

function lastText(view: RunView): string {
  const said = view.steps.filter((each) => each.kind === "model" && each.text);
  const step = said.at(-1);
  return step?.kind === "model" ? step.text : "";
}

function StepOf({ step, view }: { step: Step; view: RunView }) {
  if (step.kind === "model") {
    if (step.text) return <Markdown text={step.text} />;
    return step.endedAt ? null : <p class="thinking">{visible(step.model) || "The model"} is thinking…</p>;
  }
  if (step.kind === "tool") return <ToolStep step={step} />;
  if (step.kind === "wait" && step.approval) return <AskedCard run={view.run} asked={step.approval} />;
  if (step.kind === "node")
    return (
      <p class="quiet node-step">
        {visible(step.node)}
        {step.agent && ` (${visible(step.agent)})`}
        {step.child && (
          <>
            {" "}
            <a href={to(["runs", step.child])}>its run</a>
          </>
        )}
        {step.error && `: ${visible(step.error.message)}`}
      </p>
    );
  return null;
}

interface FootProps {
  view: RunView;
  last: boolean;
  edit: () => void;
  cancel: () => void;
  retry: () => void;
}

function TurnFoot({ view, last, edit, cancel, retry }: FootProps) {
  const wait = waitOf(view);
  const mayRun = forbidden("run");
  const mayFork = forbidden("fork");
  const running = view.endedAt === null;
  useShortcuts(last && running ? [{ keys: "Ctrl+.", does: "Stop the run", run: cancel }] : []);
  return (
    <footer class="row quiet">
      <Status status={view.status} />
      {wait && (
        <span>
          {wait} <a href={to(["runs", view.run], { tab: "why" })}>Why?</a>
        </span>
      )}
      {view.stoppedBy && <span>stopped by {view.stoppedBy}</span>}
      {view.usage.input + view.usage.output > 0 && (
        <span
          title={`${count(view.usage.input)} in, ${count(view.usage.output)} out, ${count(view.usage.cached)} cached`}
        >
          {counted(view.usage.input + view.usage.output, "token")}
          {view.usage.cost !== null && ` · ${dollars(view.usage.cost)}`}
        </span>
      )}
      {view.acceptedAt && <Time at={view.acceptedAt} />}
      <a href={to(["runs", view.run])}>Details</a>
      {running && (
        <button type="button" class="plain" onClick={cancel} disabled={mayRun !== null} title={mayRun ?? "Ctrl+."}>
          Stop
        </button>
      )}
      {view.output && <CopyButton text={view.output} />}
      {!view.direct && (
        <button type="button" class="plain" onClick={edit} disabled={mayFork !== null} title={mayFork ?? undefined}>
          Edit and resend
        </button>
      )}
      {view.status === "failed" && (
        <button type="button" class="plain" onClick={retry} disabled={mayRun !== null} title={mayRun ?? undefined}>
          Retry
        </button>
      )}
    </footer>
  );
}

function Edit({ text, send, close }: { text: string; send: (text: string) => void; close: () => void }) {
  const [value, setValue] = useState(text);
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        send(value);
      }}
    >
      <label class="field">
        It is sent in a copy of the conversation. This one stays as it is.
        <textarea rows={3} value={value} onInput={(event) => setValue(event.currentTarget.value)} />
      </label>
      <div class="row">
        <button type="submit" class="primary" disabled={!value.trim()}>
          Send
        </button>
        <button type="button" onClick={close}>
          Cancel
        </button>
      </div>
    </form>
  );
}
