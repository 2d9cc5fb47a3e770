/** The kinds of approvals, for people. */
export const KINDS: Record<string, string> = {
  tool: "a call",
  unknown_outcome: "an unknown outcome",
  node: "a node",
  question: "a question",
  limit: "a limit",
};

/** Decisions, as what was done. */
export const GIVEN: Record<string, string> = {
  approve: "approved",
  deny: "denied",
  retry: "answered: run it again",
  done: "answered: done",
  fail: "answered: it failed",
};
