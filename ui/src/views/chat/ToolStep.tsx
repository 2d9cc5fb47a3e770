import { Json } from "../../parts/Json";
import { duration } from "../../parts/Time";
import { visible } from "../../parts/visible";
import type { ToolStep as Step } from "../../run/foldRun";
import { PartsOf } from "./PartsOf";

/** A tool call, folded: its name and how it went; unfolded: its arguments, its result or error, and what it took. */
export function ToolStep({ step }: { step: Step }) {
  const arguments_ = withoutHidden(step);
  return (
    <details class="tool-step">
      <summary>
        <span class={`mark ${markOf(step)}`} aria-hidden="true" />
        <span class="mono">{visible(step.tool)}</span> <span class="quiet">{summaryOf(step)}</span>
      </summary>
      <div class="stack">
        <Json value={arguments_} label={`Arguments of ${step.tool}`} />
        {step.error && (
          <p class="notice bad">
            <code>{step.error.code}</code> {visible(step.error.message)}
          </p>
        )}
        {step.result !== null && <Json value={step.result} label={`Result of ${step.tool}`} />}
        <PartsOf parts={step.files} />
      </div>
    </details>
  );
}

function markOf(step: Step): string {
  if (!step.endedAt) return "running";
  return step.error ? "failed" : "finished";
}

function summaryOf(step: Step): string {
  if (!step.endedAt) return step.progress !== null ? `${progressOf(step.progress)}` : step.startedAt ? "runs" : "waits";
  const facts = [step.error ? step.error.code : step.cached ? "from the cache" : duration(step.durationMs ?? 0)];
  if (step.attempts > 1) facts.push(`${step.attempts} attempts`);
  return facts.join(" · ");
}

function progressOf(value: string | number): string {
  return typeof value === "number" ? `${Math.round(value * 100)} %` : visible(value);
}

function withoutHidden(step: Step): unknown {
  if (!step.hidden.length || typeof step.arguments !== "object" || step.arguments === null) return step.arguments;
  return Object.fromEntries(
    Object.entries(step.arguments).map(([name, value]) => [name, step.hidden.includes(name) ? "[sensitive]" : value]),
  );
}
