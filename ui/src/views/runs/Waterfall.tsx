import { useCallback, useState } from "preact/hooks";
import { dollars } from "../../parts/amounts";
import { duration } from "../../parts/Time";
import { VirtualList } from "../../parts/VirtualList";
import { visible } from "../../parts/visible";
import type { RunView, Step } from "../../run/foldRun";
import { Minimap } from "./Minimap";

const ROW = 32;
const LONG = 40;

interface Props {
  view: RunView;
  steps: Step[];
  chosen: number;
  choose: (place: number) => void;
}

/** The steps of a run as bars on a time axis, with a minimap if there are many. */
export function Waterfall({ view, steps, chosen, choose }: Props) {
  const [seen, setSeen] = useState<[number, number]>([0, 0]);
  const scrolled = useCallback((first: number, last: number) => setSeen([first, last]), []);
  const axis = axisOf(view, steps);
  if (steps.length === 0)
    return <p class="quiet">{view.endedAt ? "The run took no step." : "No step has begun yet."}</p>;
  return (
    <>
      {steps.length > LONG && <Minimap steps={steps} axis={axis} seen={seen} choose={choose} />}
      <div class="axis" aria-hidden="true">
        <span>0</span>
        <span>{duration(axis.length / 2)}</span>
        <span>{duration(axis.length)}</span>
      </div>
      <VirtualList count={steps.length} row={ROW} label="Steps of the run" shown={chosen} scrolled={scrolled}>
        {(place) => {
          const step = steps[place];
          return step ? <Bar step={step} axis={axis} chosen={place === chosen} choose={() => choose(place)} /> : null;
        }}
      </VirtualList>
    </>
  );
}

export interface Axis {
  begin: number;
  length: number;
}

function axisOf(view: RunView, steps: Step[]): Axis {
  const begin = Date.parse(view.acceptedAt || steps[0]?.at || new Date().toISOString());
  const last = steps.at(-1);
  const end = view.endedAt ?? last?.endedAt ?? new Date().toISOString();
  return { begin, length: Math.max(1, Date.parse(end) - begin) };
}

/** Return where a step stands on the axis: its begin and its width, from 0 to 1. */
export function placeOf(step: Step, axis: Axis): { left: number; width: number } {
  const begin = Date.parse(step.kind === "tool" && step.startedAt ? step.startedAt : step.at);
  const end = step.endedAt ? Date.parse(step.endedAt) : axis.begin + axis.length;
  const left = Math.min(1, Math.max(0, (begin - axis.begin) / axis.length));
  return { left, width: Math.max(0, Math.min(1 - left, (end - begin) / axis.length)) };
}

interface BarProps {
  step: Step;
  axis: Axis;
  chosen: boolean;
  choose: () => void;
}

function Bar({ step, axis, chosen, choose }: BarProps) {
  const { left, width } = placeOf(step, axis);
  const failed = "error" in step && step.error !== null;
  return (
    <button type="button" role="option" tabIndex={-1} class="step-row" aria-selected={chosen} onClick={choose}>
      <span class={`kind ${step.kind}`}>{KINDS[step.kind]}</span>
      <span class="step-name">{visible(nameOf(step))}</span>
      <span class="track">
        <span
          class={`bar ${step.kind}${failed ? " failed" : ""}${step.endedAt ? "" : " open"}`}
          style={{ left: `${left * 100}%`, width: `max(3px, ${width * 100}%)` }}
        />
      </span>
      <span class="step-facts">{factsOf(step)}</span>
    </button>
  );
}

export const KINDS: Record<Step["kind"], string> = { model: "model", tool: "tool", node: "node", wait: "wait" };

/** Return the name of a step: its model, tool or node, or what it waits for. */
export function nameOf(step: Step): string {
  if (step.kind === "model") return step.model || "model";
  if (step.kind === "tool") return step.tool;
  if (step.kind === "node") return step.node;
  return step.approval ? step.approval.tool || step.approval.kind : (step.lacks?.kind ?? "wait");
}

/** Return what a step took and how it ended, in a few words. */
export function factsOf(step: Step): string {
  const facts: string[] = [];
  if (!step.endedAt) facts.push(step.kind === "wait" ? "waits" : "runs");
  else facts.push(duration(Date.parse(step.endedAt) - Date.parse(step.at)));
  if (step.kind === "model" && step.usage) {
    facts.push(`${step.usage.input + step.usage.output} tokens`);
    if (step.usage.cost !== null) facts.push(dollars(step.usage.cost));
  }
  if (step.kind === "tool" && step.cached) facts.push("cache");
  if ((step.kind === "tool" && step.attempts > 1) || (step.kind === "model" && step.attempt > 1)) facts.push("retried");
  if ("error" in step && step.error) facts.push(step.error.code);
  return facts.join(" · ");
}
