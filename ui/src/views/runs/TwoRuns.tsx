import { Json } from "../../parts/Json";
import { Notice } from "../../parts/Notice";
import { Status } from "../../parts/Status";
import { visible } from "../../parts/visible";
import { type RunView, type Step, textOf } from "../../run/foldRun";
import { useRun } from "../../run/useRun";
import { to } from "../../shell/address";
import { factsOf, nameOf } from "./Waterfall";

/** Two runs side by side, step by step, with the first difference marked. */
export function TwoRuns({ left, right }: { left: string; right: string }) {
  const one = useRun(left);
  const other = useRun(right);
  const length = Math.max(one.view.steps.length, other.view.steps.length);
  const places = Array.from({ length }, (_, place) => place);
  const first = places.find((place) => sayOf(one.view.steps[place]) !== sayOf(other.view.steps[place])) ?? -1;
  const inputs = textOf(one.view.input) === textOf(other.view.input);
  return (
    <div class="page">
      <header>
        <h1>Two runs</h1>
        <a href={to("runs")}>To all runs</a>
      </header>
      {(one.error || other.error) && <Notice error={one.error ?? other.error ?? new Error()} />}
      <p role="status">{said(inputs, first)}</p>
      <div class="two-runs">
        <RunHead view={one.view} />
        <RunHead view={other.view} />
        {places.map((place) => (
          <Pair
            key={place}
            left={one.view.steps[place]}
            right={other.view.steps[place]}
            views={[one.view, other.view]}
            first={place === first}
          />
        ))}
        <Ended view={one.view} />
        <Ended view={other.view} />
      </div>
    </div>
  );
}

function said(inputs: boolean, first: number): string {
  if (!inputs) return "They were asked different questions.";
  return first < 0 ? "All steps are the same." : `The first difference is at step ${first + 1}.`;
}

function RunHead({ view }: { view: RunView }) {
  return (
    <div class="card">
      <a href={to(["runs", view.run])}>{view.run.slice(0, 14)}…</a> <Status status={view.status} />
      <p class="plain-text">{visible(textOf(view.input).slice(0, 500))}</p>
    </div>
  );
}

interface PairProps {
  left: Step | undefined;
  right: Step | undefined;
  views: [RunView, RunView];
  first: boolean;
}

function Pair({ left, right, views, first }: PairProps) {
  return (
    <>
      <Side step={left} view={views[0]} first={first} />
      <Side step={right} view={views[1]} first={first} />
    </>
  );
}

function Side({ step, view, first }: { step: Step | undefined; view: RunView; first: boolean }) {
  if (!step)
    return <div class={first ? "side first" : "side"}>{first && <strong>First difference: no step here</strong>}</div>;
  return (
    <div class={first ? "side first" : "side"}>
      {first && <strong>First difference</strong>}
      <p class="row">
        <a href={to(["runs", view.run], { step: step.call })}>{visible(nameOf(step))}</a>
        <span class="quiet">{factsOf(step)}</span>
      </p>
      <Json value={sayOf(step)} label="Step" />
    </div>
  );
}

/** Return what a step asked and got, without times and ids: what two runs are compared by. */
function sayOf(step: Step | undefined): string {
  if (!step) return "";
  if (step.kind === "model") return step.error ? `failed: ${step.error.code}` : step.text || step.finishReason;
  if (step.kind === "tool")
    return `${step.tool}(${JSON.stringify(step.arguments)})\n→ ${step.error ? step.error.code : (step.result ?? "")}`;
  if (step.kind === "node") return `${step.node}${step.error ? `: ${step.error.code}` : ""}`;
  return step.approval
    ? `${step.approval.kind}: ${step.approval.answer?.decision ?? "open"}`
    : (step.lacks?.kind ?? "");
}

function Ended({ view }: { view: RunView }) {
  return (
    <div class="side">
      {view.error ? (
        <p class="notice bad">{visible(view.error.message)}</p>
      ) : (
        <p>{visible(view.output.slice(0, 2000))}</p>
      )}
    </div>
  );
}
