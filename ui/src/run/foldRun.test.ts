import assert from "node:assert/strict";
import { test } from "node:test";
import { RunFold } from "./foldRun.ts";

const event = (seq: number, type: string, data: Record<string, unknown> = {}) => ({
  run_id: "run_1",
  seq,
  type,
  at: `2026-12-01T00:00:${String(seq).padStart(2, "0")}.000000Z`,
  data,
});

test("text that comes before the event of its call is kept", () => {
  const fold = new RunFold("run_1");
  fold.live({ type: "delta", call: "m1", attempt: 1, offset: 0, text: "Hello " });
  fold.live({ type: "delta", call: "m1", attempt: 1, offset: 6, text: "world" });
  fold.apply(event(1, "model_called", { call: "m1", model: "fake" }));
  fold.live({ type: "delta", call: "m1", attempt: 1, offset: 11, text: "!" });
  const [step] = fold.view.steps;
  assert.equal(step?.kind === "model" && step.text, "Hello world!");
});

test("a repeated delta changes nothing, and one behind a gap is left out", () => {
  const fold = new RunFold("run_1");
  fold.apply(event(1, "model_called", { call: "m1" }));
  for (const offset of [0, 0]) fold.live({ type: "delta", call: "m1", attempt: 1, offset, text: "abc" });
  fold.live({ type: "delta", call: "m1", attempt: 1, offset: 9, text: "xyz" });
  const [step] = fold.view.steps;
  assert.equal(step?.kind === "model" && step.text, "abc");
});

test("calls that a reply asks for are steps, in the order of the reply", () => {
  const fold = new RunFold("run_1");
  fold.apply(event(1, "model_called", { call: "m1" }));
  const tool_calls = [
    { id: "a", name: "look", arguments: '{"x": 1}' },
    { id: "b", name: "put", arguments: "not JSON" },
  ];
  const usage = { input_tokens: 3, output_tokens: 4 };
  fold.apply(event(2, "model_replied", { call: "m1", message: { role: "assistant", tool_calls }, usage }));
  fold.apply(
    event(3, "tool_call_finished", { call: "m1.1", call_id: "b", tool: "put", error: { code: "no", message: "" } }),
  );
  const steps = fold.view.steps.map((each) => (each.kind === "tool" ? `${each.call} ${each.tool}` : each.kind));
  assert.deepEqual(steps, ["model", "m1.0 look", "m1.1 put"]);
  assert.equal(fold.step("m1.1", "tool")?.error?.code, "no");
  assert.deepEqual(fold.step("m1.0", "tool")?.arguments, { x: 1 });
  assert.deepEqual(fold.view.usage, { input: 3, output: 4, cached: 0, cost: null });
});

test("an answered approval keeps what was asked and what was answered", () => {
  const fold = new RunFold("run_1");
  fold.apply(event(1, "approval_requested", { approval: "appr_1", tool: "pay", arguments: { amount: 5 } }));
  fold.apply(event(2, "run_paused", { waiting_for: ["appr_1"] }));
  assert.deepEqual([fold.view.status, fold.view.waiting], ["paused", "approval"]);
  fold.apply(
    event(3, "approval_given", { approval: "appr_1", decision: "approve", by: "ada", arguments: { amount: 4 } }),
  );
  const [step] = fold.view.steps;
  assert.ok(step?.kind === "wait" && step.approval);
  assert.deepEqual(step.approval.arguments, { amount: 5 });
  assert.deepEqual(step.approval.answer?.arguments, { amount: 4 });
});

test("an end closes what is open, and unknown events are passed over", () => {
  const fold = new RunFold("run_1");
  fold.apply(event(1, "model_called", { call: "m1" }));
  fold.apply(event(2, "something_of_a_later_release", { call: "m1" }));
  fold.apply(event(3, "run_cancelled", { by: "ada" }));
  assert.equal(fold.view.status, "cancelled");
  assert.ok(fold.view.steps.every((each) => each.endedAt !== null));
});
