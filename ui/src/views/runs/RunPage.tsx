import { ApiError } from "@journeyman/client";
import { useMemo, useState } from "preact/hooks";
import { count, counted, dollars } from "../../parts/amounts";
import { Id } from "../../parts/Id";
import { Notice } from "../../parts/Notice";
import { Status } from "../../parts/Status";
import { duration, Time } from "../../parts/Time";
import { visible } from "../../parts/visible";
import { AskedCard } from "../../run/AskedCard";
import { type RunView, type Step, textOf } from "../../run/foldRun";
import { cancelRun, retryRun } from "../../run/runActions";
import { type Followed, useRun } from "../../run/useRun";
import { waitOf } from "../../run/waits";
import { address, changeQuery, go, to } from "../../shell/address";
import { useShortcuts } from "../../shell/keyboard";
import { forbidden } from "../../shell/session";
import { EventList } from "./EventList";
import { ForkDialog } from "./ForkDialog";
import { StateAt } from "./StateAt";
import { StepDetails } from "./StepDetails";
import { Waterfall } from "./Waterfall";
import { Why } from "./Why";

const TABS = { timeline: "Timeline", why: "Why", state: "State", events: "Events" } as const;
type Tab = keyof typeof TABS;

/** One run: what it did on a time axis, its state at any event, and its events. */
export function RunPage({ run }: { run: string }) {
  const followed = useRun(run);
  const { view, error, connected } = followed;
  const query = address.value.query;
  const tab = (Object.keys(TABS).find((each) => each === query.get("tab")) ?? "timeline") as Tab;
  const [forking, setForking] = useState(false);
  useShortcuts([
    { keys: "1", does: "Timeline", run: () => changeQuery({ tab: null }) },
    { keys: "2", does: "Why", run: () => changeQuery({ tab: "why" }) },
    { keys: "3", does: "State at an event", run: () => changeQuery({ tab: "state" }) },
    { keys: "4", does: "Events", run: () => changeQuery({ tab: "events" }) },
    { keys: "f", does: "Fork the run", run: () => setForking(true) },
  ]);
  if (error && view.seq === 0)
    return (
      <div class="page">
        <Notice error={error} />
        <p>
          <a href={to("runs")}>To all runs</a>
        </p>
      </div>
    );
  const asked = view.steps.flatMap((step) =>
    step.kind === "wait" && step.approval && !step.approval.answer && !step.endedAt ? [step.approval] : [],
  );
  return (
    <div class="run-page">
      <Head view={view} fork={() => setForking(true)} />
      {!connected && <p class="quiet">The connection is lost. It is opened again…</p>}
      {error && <Notice error={error} />}
      {asked.map((each) => (
        <AskedCard key={each.approval} run={run} asked={each} />
      ))}
      <div class="tabs" role="tablist" aria-label="Views of the run">
        {(Object.keys(TABS) as Tab[]).map((each) => (
          <button
            key={each}
            type="button"
            role="tab"
            id={`tab-${each}`}
            aria-selected={each === tab}
            aria-controls="tab-content"
            onClick={() => changeQuery({ tab: each === "timeline" ? null : each })}
          >
            {TABS[each]}
          </button>
        ))}
      </div>
      <div id="tab-content" role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {tab === "timeline" && <Timeline followed={followed} />}
        {tab === "why" && view.seq > 0 && <Why run={run} seq={view.seq} />}
        {tab === "state" && <StateAt run={run} last={view.seq} />}
        {tab === "events" && <EventList events={followed.events} turn={followed.turn} />}
      </div>
      {forking && <ForkDialog view={view} close={() => setForking(false)} />}
    </div>
  );
}

function Head({ view, fork }: { view: RunView; fork: () => void }) {
  const wait = waitOf(view);
  const [first] = textOf(view.input).split("\n");
  return (
    <header class="run-head">
      <div class="row">
        <a href={to("runs")}>Runs</a>
        <Status status={view.status} />
        <Id value={view.run} />
        {view.agent && <span>{visible(view.agent)}</span>}
        {view.thread && <a href={to(["chat", view.thread])}>Conversation</a>}
        {view.acceptedAt && <Time at={view.acceptedAt} />}
        <span>{took(view)}</span>
      </div>
      <h1>{visible((first ?? "").slice(0, 300)) || "Run"}</h1>
      <p class="row quiet">
        <span>{counted(view.usage.input, "token")} in</span>
        <span>{count(view.usage.cached)} of them cached</span>
        <span>{counted(view.usage.output, "token")} out</span>
        {view.usage.cost !== null && <span>{dollars(view.usage.cost)}</span>}
        <span>{counted(view.seq, "event")}</span>
        {view.forkedFrom && (
          <a href={to(["runs", view.forkedFrom.run], { at: view.forkedFrom.at })}>
            forked at event {view.forkedFrom.at} of its parent
          </a>
        )}
      </p>
      {wait && <p class="notice wait">{wait}</p>}
      {view.stoppedBy && <p class="notice wait">It was stopped by its limit “{visible(view.stoppedBy)}”.</p>}
      {view.error && (
        <p class="notice bad">
          <code>{view.error.code}</code> {visible(view.error.message)}{" "}
          {view.error.error_id && <Id value={view.error.error_id} />}
        </p>
      )}
      <Actions view={view} fork={fork} />
    </header>
  );
}

function Actions({ view, fork }: { view: RunView; fork: () => void }) {
  const [error, setError] = useState<ApiError | null>(null);
  const mayRun = forbidden("run");
  const mayFork = forbidden("fork");
  const act = async (action: () => Promise<{ run_id: string }>) => {
    setError(null);
    try {
      const made = await action();
      if (made.run_id !== view.run) go(to(["runs", made.run_id]));
    } catch (failed) {
      setError(failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) }));
    }
  };
  return (
    <>
      <div class="row">
        {!view.endedAt && (
          <button
            type="button"
            disabled={mayRun !== null}
            title={mayRun ?? ""}
            onClick={() => act(() => cancelRun(view.run))}
          >
            Cancel
          </button>
        )}
        {view.status === "failed" && (
          <button
            type="button"
            disabled={mayRun !== null}
            title={mayRun ?? ""}
            onClick={() => act(() => retryRun(view.run))}
          >
            Retry
          </button>
        )}
        <button type="button" disabled={mayFork !== null || view.direct} title={mayFork ?? ""} onClick={fork}>
          Fork…
        </button>
      </div>
      {error && <Notice error={error} />}
    </>
  );
}

function took(view: RunView): string {
  if (!view.acceptedAt) return "";
  const end = view.endedAt ? Date.parse(view.endedAt) : Date.now();
  return duration(end - Date.parse(view.acceptedAt));
}

function Timeline({ followed }: { followed: Followed }) {
  const { view, turn } = followed;
  const query = address.value.query;
  const node = query.get("node");
  const call = query.get("step");
  const steps = useMemo(() => stepsOf(view, node), [view, node, turn]);
  const chosen = steps.findIndex((each) => each.call === call);
  const choose = (place: number) => changeQuery({ step: steps[place]?.call ?? null });
  useShortcuts([
    { keys: "j", does: "Next step", run: () => choose(Math.min(steps.length - 1, chosen + 1)) },
    { keys: "k", does: "Step before", run: () => choose(Math.max(0, chosen - 1)) },
  ]);
  const step = steps[chosen];
  return (
    <div class={step ? "timeline with-details" : "timeline"}>
      <div class="timeline-list">
        {node && (
          <p class="row quiet">
            Only the node “{visible(node)}”.
            <button type="button" class="plain" onClick={() => changeQuery({ node: null })}>
              Show all
            </button>
          </p>
        )}
        <Waterfall view={view} steps={steps} chosen={chosen} choose={choose} />
      </div>
      {step && <StepDetails view={view} step={step} close={() => changeQuery({ step: null })} />}
    </div>
  );
}

function stepsOf(view: RunView, node: string | null): Step[] {
  if (!node) return [...view.steps];
  return view.steps.filter((step) => step.where === node || (step.kind === "node" && step.node === node));
}
