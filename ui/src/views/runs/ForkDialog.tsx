import { ApiError, type Schemas } from "@journeyman/client";
import { useState } from "preact/hooks";
import { Dialog } from "../../parts/Dialog";
import { Notice } from "../../parts/Notice";
import type { RunView } from "../../run/foldRun";
import { forkRun } from "../../run/runActions";
import { go, to } from "../../shell/address";
import { forbidden } from "../../shell/session";

interface Props {
  view: RunView;
  at?: number;
  close: () => void;
}

/** Asks where a fork begins and what it changes, makes it and goes to it. */
export function ForkDialog({ view, at, close }: Props) {
  const last = view.endedAt ? view.seq - 1 : view.seq; // a run that has ended cannot go on from its end
  const [from, setFrom] = useState(String(Math.min(at ?? last, last)));
  const [message, setMessage] = useState("");
  const [prompt, setPrompt] = useState("");
  const [version, setVersion] = useState("");
  const [error, setError] = useState<ApiError | null>(null);
  const [sending, setSending] = useState(false);
  const reason = forbidden("fork");
  const send = async (event: Event) => {
    event.preventDefault();
    setSending(true);
    setError(null);
    try {
      const edits = editsOf(message, prompt, version);
      const made = await forkRun(view.run, { at: Number(from), edits } as Schemas["ForkRequest"]);
      close();
      go(to(["runs", made.run_id]));
    } catch (failed) {
      setError(failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) }));
      setSending(false);
    }
  };
  return (
    <Dialog title="Fork the run" close={close}>
      <form class="stack" onSubmit={send}>
        <p class="quiet">
          The fork is a new run on a new thread. It repeats the events up to this one, and goes on differently. This run
          stays as it is.
        </p>
        <label class="field">
          After event (1 to {last})
          <input
            type="number"
            min={1}
            max={last}
            required
            value={from}
            onInput={(event) => setFrom(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          Add this message of the user (optional)
          <textarea rows={2} value={message} onInput={(event) => setMessage(event.currentTarget.value)} />
        </label>
        <label class="field">
          Another system prompt (optional)
          <textarea rows={3} value={prompt} onInput={(event) => setPrompt(event.currentTarget.value)} />
        </label>
        <label class="field">
          Version of the agent (optional: a hash, or “current”)
          <input value={version} onInput={(event) => setVersion(event.currentTarget.value)} />
        </label>
        {error && <Notice error={error} />}
        {reason && <p class="quiet">{reason}</p>}
        <div class="row">
          <button type="submit" class="primary" disabled={sending || reason !== null}>
            Fork
          </button>
          <button type="button" onClick={close}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function editsOf(message: string, prompt: string, version: string): Record<string, unknown> {
  return {
    ...(message.trim() && { messages: [{ content: message }] }),
    ...(prompt.trim() && { prompt }),
    ...(version.trim() && { version: version.trim() }),
  };
}
