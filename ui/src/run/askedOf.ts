import type { Schemas } from "@journeyman/client";
import type { Asked } from "./foldRun";

/** Return what an open approval asks, as the API lists it. */
export function askedOf(approval: Schemas["ApprovalAnswer"]): Asked {
  const values = approval.arguments as Record<string, unknown>;
  return {
    approval: approval.approval,
    kind: approval.kind,
    call: approval.call,
    tool: approval.tool,
    arguments: values,
    hidden: Object.keys(values).filter((name) => values[name] === "[sensitive]"),
    message: approval.message,
    decisions: approval.decisions,
    deadline: approval.deadline ? Date.parse(approval.deadline) : null,
    default: approval.default ?? "deny",
    answerer: approval.answerer ?? "anyone",
    result: approval.result ?? null,
    limit:
      approval.kind === "limit" ? { name: approval.call, value: null, up_to: Number(values[approval.call]) } : null,
    answer: null,
  };
}
