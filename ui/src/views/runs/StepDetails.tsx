import { data } from "@journeyman/client";
import { useState } from "preact/hooks";
import { count, dollars } from "../../parts/amounts";
import { Id } from "../../parts/Id";
import { Json } from "../../parts/Json";
import { Markdown } from "../../parts/Markdown";
import { Notice } from "../../parts/Notice";
import { duration, Time } from "../../parts/Time";
import { useResource } from "../../parts/useResource";
import { visible } from "../../parts/visible";
import { AskedCard } from "../../run/AskedCard";
import type { ModelStep, RunView, Step, ToolStep } from "../../run/foldRun";
import { to } from "../../shell/address";
import { server } from "../../shell/server";
import { ForkDialog } from "./ForkDialog";
import { MessageList } from "./MessageList";
import { nameOf } from "./Waterfall";

interface Props {
  view: RunView;
  step: Step;
  close: () => void;
}

/** What one step was asked, what came back, and its events. */
export function StepDetails({ view, step, close }: Props) {
  const [forking, setForking] = useState(false);
  const last = step.events.at(-1) ?? step.seq;
  return (
    <aside class="step-details" aria-label={`Step ${step.call}`}>
      <header class="row">
        <h2>{visible(nameOf(step))}</h2>
        <code>{visible(step.call)}</code>
        <button type="button" class="plain" onClick={close} aria-label="Close the details">
          ×
        </button>
      </header>
      <dl class="facts">
        <dt>Begun</dt>
        <dd>
          <Time at={step.at} />
        </dd>
        <dt>Took</dt>
        <dd>{step.endedAt ? duration(Date.parse(step.endedAt) - Date.parse(step.at)) : "not ended yet"}</dd>
        {step.where && (
          <>
            <dt>Node</dt>
            <dd>
              <a href={to(["runs", view.run], { node: step.where })}>{visible(step.where)}</a>
            </dd>
          </>
        )}
        <dt>Events</dt>
        <dd class="row">
          {step.events.map((seq) => (
            <a key={seq} href={to(["runs", view.run], { tab: "events", at: seq })}>
              {seq}
            </a>
          ))}
        </dd>
        {step.kind === "model" && <ModelFacts step={step} />}
        {step.kind === "tool" && <ToolFacts step={step} />}
      </dl>
      {"error" in step && step.error && (
        <p class="notice bad">
          <code>{step.error.code}</code> {visible(step.error.message)}{" "}
          {step.error.error_id && <Id value={step.error.error_id} />}
        </p>
      )}
      {step.kind === "model" && <ModelParts view={view} step={step} />}
      {step.kind === "tool" && (
        <>
          <h3>Arguments</h3>
          <Json value={step.arguments} label="Arguments" />
          {step.result !== null && (
            <>
              <h3>Result</h3>
              <Json value={step.result} label="Result" />
            </>
          )}
        </>
      )}
      {step.kind === "node" && step.child && (
        <p>
          <a href={to(["runs", step.child])}>The run of {visible(step.agent ?? "the agent")}</a>
        </p>
      )}
      {step.kind === "node" && step.result !== null && <Json value={step.result} label="Result" />}
      {step.kind === "wait" && step.approval && <AskedCard run={view.run} asked={step.approval} />}
      <p class="row">
        <button type="button" disabled={view.direct} onClick={() => setForking(true)}>
          Fork from here
        </button>
        <a href={to(["runs", view.run], { tab: "state", at: last })}>State after it</a>
      </p>
      {forking && <ForkDialog view={view} at={last} close={() => setForking(false)} />}
    </aside>
  );
}

function ModelFacts({ step }: { step: ModelStep }) {
  return (
    <>
      {step.usage && (
        <>
          <dt>Tokens</dt>
          <dd>
            {count(step.usage.input)} in ({count(step.usage.cached)} cached), {count(step.usage.output)} out
          </dd>
          <dt>Cost</dt>
          <dd>{dollars(step.usage.cost)}</dd>
        </>
      )}
      {step.firstTokenMs !== null && (
        <>
          <dt>First token</dt>
          <dd>after {duration(step.firstTokenMs)}, as seen here</dd>
        </>
      )}
      {step.finishReason && (
        <>
          <dt>Ended by</dt>
          <dd>{visible(step.finishReason)}</dd>
        </>
      )}
      <dt>Attempt</dt>
      <dd>{step.attempt}</dd>
    </>
  );
}

function ToolFacts({ step }: { step: ToolStep }) {
  return (
    <>
      <dt>Attempts</dt>
      <dd>{step.attempts}</dd>
      {step.cached && (
        <>
          <dt>Cache</dt>
          <dd>The result came from the cache, and nothing ran.</dd>
        </>
      )}
    </>
  );
}

function ModelParts({ view, step }: { view: RunView; step: ModelStep }) {
  const state = useResource(`state ${view.run} ${step.seq}`, () =>
    data(
      server.requests.GET("/runs/{run_id}/state", {
        params: { path: { run_id: view.run }, query: { at: step.seq } },
      }),
    ),
  );
  return (
    <>
      <h3>Reply</h3>
      {step.text ? <Markdown text={step.text} /> : <p class="quiet">{step.endedAt ? "No text." : "Not there yet."}</p>}
      <details>
        <summary>Request: the messages of the run at this call</summary>
        {state.error && <Notice error={state.error} retry={state.reload} />}
        {state.data && <MessageList messages={state.data.messages ?? []} />}
      </details>
    </>
  );
}
