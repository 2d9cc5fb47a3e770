import { data, type Schemas } from "@journeyman/client";
import { useEffect, useState } from "preact/hooks";
import { Changes } from "../../parts/Changes";
import { Json } from "../../parts/Json";
import { Notice } from "../../parts/Notice";
import { Status } from "../../parts/Status";
import { Time } from "../../parts/Time";
import { useResource } from "../../parts/useResource";
import { address, changeQuery, to } from "../../shell/address";
import { useShortcuts } from "../../shell/keyboard";
import { server } from "../../shell/server";
import { MessageList } from "./MessageList";

type State = Schemas["StateAnswer"];
const SETTLED_MS = 120;

/** The state of a run after any of its events, and what that event changed in it. */
export function StateAt({ run, last }: { run: string; last: number }) {
  const asked = Number(address.value.query.get("at")) || last;
  const at = Math.max(1, Math.min(asked, Math.max(1, last)));
  const settled = useSettled(at);
  const move = (seq: number) => changeQuery({ at: Math.max(1, Math.min(last, seq)) });
  useShortcuts([
    { keys: "ArrowRight", does: "One event later", run: () => move(at + 1) },
    { keys: "ArrowLeft", does: "One event earlier", run: () => move(at - 1) },
  ]);
  const now = useStateAfter(run, settled);
  const before = useStateAfter(run, settled - 1);
  return (
    <div class="stack">
      <div class="row scrub">
        <button type="button" onClick={() => move(at - 1)} disabled={at <= 1} aria-label="One event earlier">
          ‹
        </button>
        <input
          type="range"
          min={1}
          max={Math.max(1, last)}
          value={at}
          aria-label="Event"
          aria-valuetext={`After event ${at} of ${last}`}
          onInput={(event) => move(Number(event.currentTarget.value))}
        />
        <button type="button" onClick={() => move(at + 1)} disabled={at >= last} aria-label="One event later">
          ›
        </button>
        <span>
          After event <a href={to(["runs", run], { tab: "events", at })}>{at}</a> of {last}
        </span>
      </div>
      {now.error && <Notice error={now.error} retry={now.reload} />}
      {now.data && <Shown state={now.data} before={settled > 1 ? before.data : null} />}
    </div>
  );
}

function useStateAfter(run: string, at: number) {
  return useResource<State | null>(`state ${run} ${at}`, async () => {
    if (at < 1) return null;
    const params = { path: { run_id: run }, query: { at } };
    return data(server.requests.GET("/runs/{run_id}/state", { params }));
  });
}

/** Return the value once it has rested for a moment, so that a slider asks only where it stops. */
function useSettled(value: number): number {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

function Shown({ state, before }: { state: State; before: State | null }) {
  return (
    <div class="state">
      <section>
        <h3>What the event changed</h3>
        {before ? (
          <Changes before={before} after={state} none="Nothing that the state shows." ignored={["seq", "at"]} />
        ) : (
          <p class="quiet">It is the first event.</p>
        )}
      </section>
      <section>
        <h3>
          State <Status status={state.status} />
        </h3>
        <p class="quiet">
          <Time at={state.at} />, {state.model_calls} model calls, {state.tool_calls} tool calls
        </p>
        {state.calls.length > 0 && (
          <>
            <h4>Open calls</h4>
            <Json value={state.calls} label="Open calls" />
          </>
        )}
        {state.nodes.length > 0 && (
          <>
            <h4>Nodes</h4>
            <Json value={state.nodes} label="Nodes" />
          </>
        )}
        <h4>Messages</h4>
        <MessageList messages={state.messages} />
        <h4>Context of the thread</h4>
        <Json value={state.thread_context} label="Context of the thread" />
        <h4>Context of the principal</h4>
        <Json value={state.global_context} label="Context of the principal" />
      </section>
    </div>
  );
}
