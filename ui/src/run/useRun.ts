import { ApiError, follow, type StoredEvent } from "@journeyman/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { server } from "../shell/server";
import { RunFold, type RunView } from "./foldRun";

export interface Followed {
  view: RunView;
  events: StoredEvent[];
  connected: boolean;
  error: ApiError | null;
  /** A number that changes with each change of what is shown. */
  turn: number;
}

/** Follow a run to its end. What came since the last frame of the screen is drawn at once. */
export function useRun(run: string): Followed {
  const current = useRef<Followed>(fresh(run));
  const [turn, setTurn] = useState(0);
  if (current.current.view.run !== run) current.current = fresh(run);
  useEffect(() => {
    const stop = new AbortController();
    const followed = current.current;
    const fold = new RunFold(run);
    followed.view = fold.view;
    followed.events = [];
    let planned = 0;
    const draw = () => {
      planned ||= requestAnimationFrame(() => {
        planned = 0;
        setTurn((now) => now + 1);
      });
    };
    const read = async () => {
      for await (const frame of follow(server, run, { signal: stop.signal })) {
        if ("connected" in frame) followed.connected = frame.connected;
        else if ("live" in frame) fold.live(frame.live);
        else {
          fold.apply(frame.stored);
          followed.events.push(frame.stored);
        }
        draw();
      }
    };
    read().catch((error) => {
      followed.error = error instanceof ApiError ? error : new ApiError(0, { error: String(error) });
      draw();
    });
    return () => {
      stop.abort();
      cancelAnimationFrame(planned);
    };
  }, [run]);
  return { ...current.current, turn };
}

function fresh(run: string): Followed {
  return { view: new RunFold(run).view, events: [], connected: true, error: null, turn: 0 };
}
