import type { RunView } from "./foldRun";

const LACKS: Record<string, string> = {
  agent: "the agent, which this server does not serve now",
  node: "the code of a node of its graph",
  tool: "a tool that is not here now",
  gateway: "its gateway, which does not answer",
  release: "a later release of the server",
  operator: "an operator, who has held it",
};

/** Return what a run waits for, in a sentence; null: it does not wait. */
export function waitOf(view: RunView): string | null {
  if (view.cancelRequested && !view.endedAt) return "It is being cancelled.";
  if (view.status === "queued") return "It waits for the run before it on this thread.";
  if (view.status !== "paused") return null;
  if (view.waiting === "approval") return "It waits for a human.";
  return `It waits for ${LACKS[view.waiting ?? ""] ?? view.waiting}, and goes on by itself.`;
}
