import type { LiveFrame, Schemas, StoredEvent } from "@journeyman/client";

export type Usage = { input: number; output: number; cached: number; cost: number | null };
export type Part = Schemas["Message"]["content"] extends (infer P)[] | undefined ? P : never;

export interface ModelStep {
  kind: "model";
  call: string;
  seq: number;
  /** The node of a graph in which it happens; empty in runs without a graph. */
  where: string;
  at: string;
  endedAt: string | null;
  attempt: number;
  model: string;
  text: string;
  finishReason: string;
  usage: Usage | null;
  latencyMs: number | null;
  firstTokenMs: number | null;
  error: Failure | null;
  events: number[];
}

export interface ToolStep {
  kind: "tool";
  call: string;
  callId: string;
  seq: number;
  /** The node of a graph in which it happens; empty in runs without a graph. */
  where: string;
  at: string;
  startedAt: string | null;
  endedAt: string | null;
  tool: string;
  arguments: unknown;
  hidden: string[];
  result: string | null;
  error: Failure | null;
  durationMs: number | null;
  attempts: number;
  cached: boolean;
  progress: string | number | null;
  files: Part[];
  events: number[];
}

export interface NodeStep {
  kind: "node";
  call: string;
  node: string;
  branch: string;
  seq: number;
  /** The node of a graph in which it happens; empty in runs without a graph. */
  where: string;
  at: string;
  endedAt: string | null;
  attempt: number;
  child: string | null;
  agent: string | null;
  result: unknown;
  error: Failure | null;
  events: number[];
}

export interface WaitStep {
  kind: "wait";
  call: string;
  seq: number;
  /** The node of a graph in which it happens; empty in runs without a graph. */
  where: string;
  at: string;
  endedAt: string | null;
  /** The approval that is asked for; null: the run waits for what its server lacks. */
  approval: Asked | null;
  lacks: { kind: string; name: string } | null;
  events: number[];
}

export type Step = ModelStep | ToolStep | NodeStep | WaitStep;
export type Failure = { code: string; message: string; error_id?: string | null };

export interface Asked {
  approval: string;
  kind: string;
  call: string;
  tool: string;
  arguments: Record<string, unknown>;
  hidden: string[];
  message: string;
  decisions: string[];
  deadline: number | null;
  default: string;
  answerer: string;
  result: string | null;
  limit: { name: string; value: number | null; up_to: number } | null;
  answer: { decision: string; by: string; at: string; arguments: Record<string, unknown> | null } | null;
}

export interface RunView {
  run: string;
  thread: string;
  agent: string;
  status: string;
  acceptedAt: string;
  startedAt: string | null;
  endedAt: string | null;
  input: Part[];
  direct: boolean;
  steps: Step[];
  output: string;
  stoppedBy: string | null;
  error: Failure | null;
  waiting: string | null;
  cancelRequested: boolean;
  forkedFrom: { run: string; at: number } | null;
  usage: Usage;
  seq: number;
}

type Data = Record<string, unknown>;

const NOTHING: Usage = { input: 0, output: 0, cached: 0, cost: null };
const ENDED: Record<string, string> = {
  run_finished: "finished",
  run_failed: "failed",
  run_cancelled: "cancelled",
};

/** Fold a run's events to what the page shows of it. It reads each event once; `RunFold` keeps the result so far. */
export class RunFold {
  readonly view: RunView;
  private readonly byCall = new Map<string, Step>();
  private readonly byApproval = new Map<string, WaitStep>();
  private readonly early = new Map<string, string>();
  private readonly asks = new Map<string, number>();

  constructor(run: string) {
    this.view = {
      run,
      thread: "",
      agent: "",
      status: "queued",
      acceptedAt: "",
      startedAt: null,
      endedAt: null,
      input: [],
      direct: false,
      steps: [],
      output: "",
      stoppedBy: null,
      error: null,
      waiting: null,
      cancelRequested: false,
      forkedFrom: null,
      usage: { ...NOTHING },
      seq: 0,
    };
  }

  /** Apply the next event. */
  apply(event: StoredEvent): void {
    const data = event.data as Data;
    this.view.seq = event.seq;
    const handler = HANDLERS[event.type];
    if (handler) handler(this, event, data);
    const step = typeof data.call === "string" ? this.byCall.get(data.call) : undefined;
    if (step && step.events.at(-1) !== event.seq) step.events.push(event.seq);
  }

  /** Apply a live frame: text and progress between events. */
  live(frame: LiveFrame): void {
    if (frame.type === "reconnect") return;
    const step = this.byCall.get(frame.call);
    if (frame.type === "progress") {
      if (step?.kind === "tool") step.progress = frame.value;
      return;
    }
    if (!step) {
      // Live text may be here before the stored event that its call began.
      this.early.set(frame.call, withText(this.early.get(frame.call) ?? "", frame));
      return;
    }
    if (step.kind !== "model" || step.endedAt !== null) return;
    step.text = withText(step.text, frame);
    if (step.firstTokenMs === null && step.text) step.firstTokenMs = Date.now() - Date.parse(step.at);
  }

  add(step: Step): void {
    this.view.steps.push(step);
    this.byCall.set(step.call, step);
  }

  step<K extends Step["kind"]>(call: unknown, kind: K): Extract<Step, { kind: K }> | undefined {
    const found = typeof call === "string" ? this.byCall.get(call) : undefined;
    return found?.kind === kind ? (found as Extract<Step, { kind: K }>) : undefined;
  }

  /** Return the live text that came before the call's event. */
  earlyText(call: string): string {
    const text = this.early.get(call) ?? "";
    this.early.delete(call);
    return text;
  }

  /** Return the name of the next tool call that this model call asked for. */
  nextCall(model: string): string {
    const number = this.asks.get(model) ?? 0;
    this.asks.set(model, number + 1);
    return `${model}.${number}`;
  }

  wait(step: WaitStep): void {
    this.view.steps.push(step);
    if (step.approval) this.byApproval.set(step.approval.approval, step);
  }

  asked(approval: unknown): WaitStep | undefined {
    return typeof approval === "string" ? this.byApproval.get(approval) : undefined;
  }

  count(usage: Usage | null): void {
    if (!usage) return;
    const sum = this.view.usage;
    sum.input += usage.input;
    sum.output += usage.output;
    sum.cached += usage.cached;
    if (usage.cost !== null) sum.cost = (sum.cost ?? 0) + usage.cost;
  }
}

type Handler = (fold: RunFold, event: StoredEvent, data: Data) => void;

const HANDLERS: Record<string, Handler> = {
  run_accepted(fold, event, data) {
    const thread = text(data.thread);
    fold.view.thread = thread.slice(thread.indexOf("/") + 1);
    fold.view.agent = text(data.agent);
    fold.view.acceptedAt = event.at;
    fold.view.input = partsOf((data.input as Data | undefined)?.content);
    const direct = data.direct as Data | undefined;
    fold.view.direct = Boolean(direct);
    if (direct) fold.view.input = [{ type: "text", text: `${text(direct.tool)}(${JSON.stringify(direct.arguments)})` }];
  },
  run_started(fold, event) {
    fold.view.startedAt ??= event.at;
    fold.view.status = "running";
  },
  run_paused(fold, event, data) {
    fold.view.status = "paused";
    const lacks = data.lacks as { kind: string; name: string } | undefined;
    fold.view.waiting = lacks ? lacks.kind : "approval";
    if (lacks)
      fold.wait({
        kind: "wait",
        call: `lacks@${event.seq}`,
        seq: event.seq,
        where: "",
        at: event.at,
        endedAt: null,
        approval: null,
        lacks,
        events: [event.seq],
      });
  },
  run_resumed(fold, event) {
    fold.view.status = "running";
    fold.view.waiting = null;
    for (const step of fold.view.steps)
      if (step.kind === "wait" && step.lacks && !step.endedAt) step.endedAt = event.at;
  },
  cancel_requested(fold) {
    fold.view.cancelRequested = true;
  },
  limit_reached(fold, _event, data) {
    fold.view.stoppedBy = text(data.limit);
  },
  run_forked(fold, _event, data) {
    fold.view.forkedFrom = { run: text(data.parent), at: Number(data.at) };
  },
  message_replaced(fold, _event, data) {
    const message = data.message as Data | undefined;
    if (Number(data.seq) === 1 && message) fold.view.input = partsOf(message.content);
  },
  model_called(fold, event, data) {
    const call = text(data.call);
    const known = fold.step(call, "model");
    if (known) {
      Object.assign(known, {
        attempt: Number(data.attempt ?? 1),
        text: fold.earlyText(call),
        endedAt: null,
        error: null,
      });
      return;
    }
    fold.add({
      kind: "model",
      call,
      seq: event.seq,
      where: whereOf(data),
      at: event.at,
      endedAt: null,
      attempt: Number(data.attempt ?? 1),
      model: text(data.model),
      text: fold.earlyText(call),
      finishReason: "",
      usage: null,
      latencyMs: null,
      firstTokenMs: null,
      error: null,
      events: [event.seq],
    });
  },
  model_replied(fold, event, data) {
    const step = fold.step(data.call, "model");
    const message = data.message as Data | undefined;
    const usage = usageOf(data.usage);
    fold.count(usage);
    if (step)
      Object.assign(step, {
        endedAt: event.at,
        text: textOf(partsOf(message?.content)),
        model: text(data.model) || step.model,
        finishReason: text(data.finish_reason) || "stop",
        usage,
        latencyMs: Number(data.latency_ms ?? 0),
      });
    for (const each of (message?.tool_calls as Data[] | undefined) ?? []) askTool(fold, event, text(data.call), each);
  },
  model_failed(fold, event, data) {
    const step = fold.step(data.call, "model");
    if (step)
      Object.assign(step, { endedAt: event.at, error: data.error as Failure, latencyMs: data.latency_ms ?? null });
  },
  tool_call_started(fold, event, data) {
    const step = toolStep(fold, event, data);
    step.startedAt ??= event.at;
    step.attempts = Number(data.attempt ?? 1);
    step.arguments = data.arguments ?? step.arguments;
  },
  tool_call_finished(fold, event, data) {
    const step = toolStep(fold, event, data);
    const human = data.human as Data | undefined;
    Object.assign(step, {
      endedAt: event.at,
      result: data.error ? null : text(data.result),
      error: (data.error as Failure | undefined) ?? null,
      durationMs: Number(data.duration_ms ?? 0),
      attempts: Number(data.attempts ?? 1),
      cached: data.cached === true,
      arguments: human?.arguments ?? step.arguments,
      files: (data.files as Part[] | undefined) ?? [],
    });
  },
  node_entered(fold, event, data) {
    const call = text(data.call);
    const known = fold.step(call, "node");
    const path = data.path as Data | undefined;
    if (known) {
      Object.assign(known, {
        attempt: Number(data.attempt ?? 1),
        child: text(data.child) || known.child,
        endedAt: null,
        error: null,
      });
      return;
    }
    fold.add({
      kind: "node",
      call,
      node: text(path?.node) || call.split("#")[0] || call,
      branch: text(path?.branch),
      seq: event.seq,
      where: whereOf(data),
      at: event.at,
      endedAt: null,
      attempt: Number(data.attempt ?? 1),
      child: text(data.child) || null,
      agent: text(data.agent) || null,
      result: null,
      error: null,
      events: [event.seq],
    });
  },
  node_left(fold, event, data) {
    const step = fold.step(data.call, "node");
    if (step)
      Object.assign(step, { endedAt: event.at, result: data.result ?? null, error: (data.error as Failure) ?? null });
  },
  approval_requested(fold, event, data) {
    fold.wait({
      kind: "wait",
      call: `${text(data.call)}?${text(data.approval)}`,
      seq: event.seq,
      where: whereOf(data),
      at: event.at,
      endedAt: null,
      approval: askedOf(data),
      lacks: null,
      events: [event.seq],
    });
  },
  approval_given(fold, event, data) {
    const step = fold.asked(data.approval);
    if (!step?.approval) return;
    step.endedAt = event.at;
    step.events.push(event.seq);
    step.approval.answer = {
      decision: text(data.decision),
      by: text(data.by),
      at: event.at,
      arguments: (data.arguments as Record<string, unknown> | undefined) ?? null,
    };
  },
  history_summarized(fold, _event, data) {
    fold.count(usageOf(data.usage));
  },
  run_finished: ended,
  run_failed: ended,
  run_cancelled: ended,
};

function ended(fold: RunFold, event: StoredEvent, data: Data): void {
  fold.view.status = ENDED[event.type] ?? "finished";
  fold.view.endedAt = event.at;
  fold.view.waiting = null;
  fold.view.output = text(data.output);
  fold.view.stoppedBy = text(data.stopped_by) || null;
  fold.view.error = (data.error as Failure | undefined) ?? null;
  for (const step of fold.view.steps) step.endedAt ??= event.at;
}

function askTool(fold: RunFold, event: StoredEvent, model: string, call: Data): void {
  const name = fold.nextCall(model);
  fold.add(newTool(name, event, text(call.id), text(call.name), parsed(text(call.arguments))));
  const step = fold.step(name, "tool");
  if (step) step.hidden = (call.hidden as string[] | undefined) ?? [];
}

function toolStep(fold: RunFold, event: StoredEvent, data: Data): ToolStep {
  const call = text(data.call);
  const known = fold.step(call, "tool");
  if (known) {
    known.callId = text(data.call_id) || known.callId;
    return known;
  }
  const made = newTool(call, event, text(data.call_id), text(data.tool), data.arguments ?? {});
  fold.add(made);
  return made;
}

function newTool(call: string, event: StoredEvent, callId: string, tool: string, values: unknown): ToolStep {
  return {
    kind: "tool",
    call,
    callId,
    seq: event.seq,
    where: whereOf(event.data as Data),
    at: event.at,
    startedAt: null,
    endedAt: null,
    tool,
    arguments: values,
    hidden: [],
    result: null,
    error: null,
    durationMs: null,
    attempts: 0,
    cached: false,
    progress: null,
    files: [],
    events: [event.seq],
  };
}

function askedOf(data: Data): Asked {
  return {
    approval: text(data.approval),
    kind: text(data.kind) || "tool",
    call: text(data.call),
    tool: text(data.tool),
    arguments: (data.arguments as Record<string, unknown> | undefined) ?? {},
    hidden: (data.hidden as string[] | undefined) ?? [],
    message: text(data.message),
    decisions: (data.decisions as string[] | undefined) ?? ["approve", "deny"],
    deadline: typeof data.deadline === "number" ? data.deadline / 1000 : null,
    default: text(data.default) || "deny",
    answerer: text(data.answerer) || "anyone",
    result: text(data.result) || null,
    limit: (data.limit as Asked["limit"] | undefined) ?? null,
    answer: null,
  };
}

function usageOf(value: unknown): Usage | null {
  if (typeof value !== "object" || value === null) return null;
  const usage = value as Data;
  return {
    input: Number(usage.input_tokens ?? 0),
    output: Number(usage.output_tokens ?? 0),
    cached: Number(usage.cached_tokens ?? 0),
    cost: typeof usage.cost_usd === "number" ? usage.cost_usd : null,
  };
}

function withText(now: string, frame: Extract<LiveFrame, { type: "delta" | "snapshot" }>): string {
  if (frame.type === "snapshot") return frame.text;
  return frame.offset <= now.length ? now.slice(0, frame.offset) + frame.text : now;
}

function whereOf(data: Data): string {
  return text((data.path as Data | undefined)?.node);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function partsOf(value: unknown): Part[] {
  if (typeof value === "string") return [{ type: "text", text: value }];
  return Array.isArray(value) ? (value as Part[]) : [];
}

/** Return the text of a message's parts. */
export function textOf(parts: Part[]): string {
  return parts.map((part) => ("text" in part ? part.text : "")).join("");
}
