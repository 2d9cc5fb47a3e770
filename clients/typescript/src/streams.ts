import { EventSourceParserStream } from "eventsource-parser/stream";
import type { Connection } from "./connection";
import { ApiError, errorOf } from "./errors";
import type { components } from "./schema";

export type StoredEvent = components["schemas"]["EventAnswer"];

/** Text or progress that the server shows between stored events. It is never stored and may be lost. */
export type LiveFrame =
  | { type: "delta"; call: string; attempt: number; offset: number; text: string }
  | { type: "snapshot"; call: string; attempt: number; text: string }
  | { type: "progress"; call: string; value: string | number }
  | { type: "reconnect"; reason: string };

export type Frame = { stored: StoredEvent } | { live: LiveFrame } | { connected: boolean };

const LIVE = new Set(["delta", "snapshot", "progress", "reconnect"]);
const ENDS = new Set(["run_finished", "run_failed", "run_cancelled"]);
const PATIENCE_MS = 8000;

export interface FollowOptions {
  after?: number;
  signal: AbortSignal;
}

/** Yield a run's events from `after` on to its end, each once and in order, with live frames between them.
 *
 * A lost connection is opened again behind the last event. `connected` frames say when it is lost and back. Throws
 * ApiError if the server refuses the stream, and ends quietly when `signal` aborts. */
export async function* follow(connection: Connection, run: string, options: FollowOptions): AsyncGenerator<Frame> {
  let seq = options.after ?? 0;
  let failures = 0;
  while (!options.signal.aborted) {
    try {
      const response = await open(connection, run, seq, options.signal);
      if (failures > 0) yield { connected: true };
      failures = 0;
      for await (const frame of read(response)) {
        if ("stored" in frame) {
          if (frame.stored.seq <= seq) continue;
          seq = frame.stored.seq;
        }
        yield frame;
        if ("stored" in frame && ENDS.has(frame.stored.type)) return;
      }
    } catch (error) {
      if (options.signal.aborted) return;
      if (error instanceof ApiError && error.status !== 0 && error.status < 500 && error.status !== 429) throw error;
    }
    if (failures === 0) yield { connected: false };
    failures += 1;
    await pause(Math.min(250 * 2 ** failures, PATIENCE_MS), options.signal);
  }
}

async function open(connection: Connection, run: string, after: number, signal: AbortSignal): Promise<Response> {
  const response = await connection.send(`/runs/${encodeURIComponent(run)}/events?after=${after}`, {
    headers: { accept: "text/event-stream" },
    signal,
  });
  if (!response.ok) throw errorOf(response, await response.json().catch(() => null));
  return response;
}

async function* read(response: Response): AsyncGenerator<Frame> {
  if (!response.body) return;
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  const reader = events.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const body = JSON.parse(value.data);
      yield LIVE.has(value.event ?? "") ? { live: body as LiveFrame } : { stored: body as StoredEvent };
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}
