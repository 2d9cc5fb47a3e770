import type { RunView } from "../../run/foldRun";

/** How often a run visited each node and took each edge, and the nodes that it is at. */
export interface Visits {
  nodes: Record<string, number>;
  edges: Record<string, number>;
  now: Set<string>;
}

/** Count the visits of a run. A run without a graph goes round the loop of model and tools. */
export function visitsOf(view: RunView): Visits {
  const visits: Visits = { nodes: {}, edges: {}, now: new Set() };
  const at = new Map<string, string>(); // the last node of each branch
  const graphed = view.steps.some((step) => step.kind === "node");
  for (const step of view.steps) {
    const node = graphed ? (step.kind === "node" ? step.node : "") : loopNode(step.kind);
    if (!node) continue;
    const branch = step.kind === "node" ? step.branch : "";
    const before = at.get(branch) ?? at.get("");
    if (before === node && !graphed) {
      if (!step.endedAt) visits.now.add(node);
      continue;
    }
    visits.nodes[node] = (visits.nodes[node] ?? 0) + 1;
    if (before) visits.edges[`${before} ${node}`] = (visits.edges[`${before} ${node}`] ?? 0) + 1;
    if (!step.endedAt) visits.now.add(node);
    at.set(branch, node);
  }
  const last = at.get("");
  if (view.status === "finished" && last) visits.edges[`${last} end`] = 1;
  return visits;
}

function loopNode(kind: string): string {
  return kind === "model" ? "llm" : kind === "tool" ? "tools" : "";
}
