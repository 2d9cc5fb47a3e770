import type { StoredEvent } from "@journeyman/client";
import { useMemo, useState } from "preact/hooks";
import { CopyButton } from "../../parts/CopyButton";
import { Json } from "../../parts/Json";
import { Time } from "../../parts/Time";
import { VirtualList } from "../../parts/VirtualList";
import { visible } from "../../parts/visible";
import { address, changeQuery } from "../../shell/address";
import { useShortcuts } from "../../shell/keyboard";

const ROW = 30;

/** All events of a run. `?at=SEQ` opens one of them. */
export function EventList({ events, turn }: { events: StoredEvent[]; turn: number }) {
  const [filter, setFilter] = useState("");
  const shown = useMemo(() => {
    const wanted = filter.trim().toLowerCase();
    return wanted ? events.filter((each) => JSON.stringify(each).toLowerCase().includes(wanted)) : [...events];
  }, [events, filter, turn]);
  const at = Number(address.value.query.get("at"));
  const place = shown.findIndex((each) => each.seq === at);
  const event = shown[place];
  const choose = (next: number) =>
    changeQuery({ at: shown[Math.max(0, Math.min(shown.length - 1, next))]?.seq ?? null });
  useShortcuts([
    { keys: "j", does: "Next event", run: () => choose(place + 1) },
    { keys: "k", does: "Event before", run: () => choose(place - 1) },
    { keys: "/", does: "Search in the events", run: () => document.getElementById("event-filter")?.focus() },
  ]);
  return (
    <div class={event ? "timeline with-details" : "timeline"}>
      <div class="timeline-list">
        <label class="field event-filter">
          Only events with this text
          <input id="event-filter" value={filter} onInput={(change) => setFilter(change.currentTarget.value)} />
        </label>
        <VirtualList count={shown.length} row={ROW} label="Events of the run" shown={place}>
          {(each) => {
            const one = shown[each];
            if (!one) return null;
            return (
              <button
                type="button"
                role="option"
                tabIndex={-1}
                class="event-row"
                aria-selected={each === place}
                onClick={() => changeQuery({ at: one.seq })}
              >
                <span class="quiet">{one.seq}</span>
                <span class="mono">{one.type}</span>
                <span class="quiet mono">{visible(String((one.data as Record<string, unknown>).call ?? ""))}</span>
                <span class="quiet">
                  <Time at={one.at} short />
                </span>
              </button>
            );
          }}
        </VirtualList>
      </div>
      {event && (
        <aside class="step-details" aria-label={`Event ${event.seq}`}>
          <header class="row">
            <h2>
              {event.seq} {event.type}
            </h2>
            <CopyButton text={JSON.stringify(event, null, 2)} />
            <button type="button" class="plain" onClick={() => changeQuery({ at: null })} aria-label="Close the event">
              ×
            </button>
          </header>
          <p class="quiet">
            <Time at={event.at} />
          </p>
          <Json value={event.data} label="Data of the event" />
        </aside>
      )}
    </div>
  );
}
