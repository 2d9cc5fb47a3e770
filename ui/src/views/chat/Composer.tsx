import { ApiError, errorOf, type Schemas } from "@journeyman/client";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Icon } from "../../parts/Icon";
import { Notice } from "../../parts/Notice";
import { visible } from "../../parts/visible";
import { startRun } from "../../run/runActions";
import { address, changeQuery } from "../../shell/address";
import { server } from "../../shell/server";
import { forbidden } from "../../shell/session";

type Attached = Schemas["FileAnswer"];

interface Props {
  thread: string;
  agents: Schemas["AgentSummary"][];
  latest: string | null;
  /** Whether the message has the focus from the start. */
  writing: boolean;
  started: (run: string, thread: string) => void;
}

/** What is sent next: text, files, the agent, and for a new thread its id and first context. */
export function Composer({ thread, agents, latest, writing, started }: Props) {
  const [text, setText] = useState("");
  const [files, setFiles] = useState<Attached[]>([]);
  const [own, setOwn] = useState("");
  const [context, setContext] = useState("");
  const [error, setError] = useState<ApiError | null>(null);
  const [sending, setSending] = useState(false);
  const field = useId();
  const message = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (writing) message.current?.focus();
  }, [writing]);
  const reason = forbidden("run");
  const agent = address.value.query.get("agent") ?? latest ?? agents.find((each) => each.default)?.name ?? "";

  const send = async () => {
    if (sending || reason || (!text.trim() && files.length === 0)) return;
    setSending(true);
    setError(null);
    try {
      const body = {
        user_input: files.length ? [...parts(text), ...files.map(partOf)] : text,
        thread_id: thread || own.trim() || null,
        agent: agent || null,
        context: contextOf(context),
        background: true,
      } as Schemas["ProcessRequest"];
      const run = await startRun(body);
      setText("");
      setFiles([]);
      started(run.run_id, run.thread_id);
    } catch (failed) {
      setError(failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) }));
    } finally {
      setSending(false);
    }
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {error && <Notice error={error} />}
      {reason && <p class="quiet">{reason}</p>}
      <Attachments files={files} remove={(gone) => setFiles(files.filter((each) => each !== gone))} />
      <label class="hidden-label" for="message">
        Message
      </label>
      <textarea
        id="message"
        ref={message}
        rows={Math.min(10, Math.max(2, text.split("\n").length))}
        placeholder="Write a message. Enter sends, Shift+Enter begins a line."
        value={text}
        disabled={reason !== null}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      <div class="row">
        <label class="hidden-label" for={`${field}-agent`}>
          Agent
        </label>
        <select
          id={`${field}-agent`}
          value={agent}
          onChange={(event) => changeQuery({ agent: event.currentTarget.value })}
        >
          {agents.map((each) => (
            <option key={each.name} value={each.name}>
              {visible(each.name)}
            </option>
          ))}
        </select>
        <FileButton added={(file) => setFiles((now) => [...now, file])} failed={setError} disabled={reason !== null} />
        {!thread && (
          <details class="thread-options">
            <summary>Thread and context</summary>
            <label class="field" for={`${field}-thread`}>
              Thread id (else one is made)
              <input id={`${field}-thread`} value={own} onInput={(event) => setOwn(event.currentTarget.value)} />
            </label>
            <label class="field" for={`${field}-context`}>
              First context (JSON)
              <textarea
                id={`${field}-context`}
                class="mono"
                rows={3}
                value={context}
                onInput={(event) => setContext(event.currentTarget.value)}
              />
            </label>
          </details>
        )}
        <button
          type="submit"
          class="primary send"
          disabled={sending || reason !== null || (!text.trim() && !files.length)}
        >
          Send
        </button>
      </div>
    </form>
  );
}

function Attachments({ files, remove }: { files: Attached[]; remove: (file: Attached) => void }) {
  if (!files.length) return null;
  return (
    <ul class="attachments">
      {files.map((file) => (
        <li key={file.file_id}>
          {visible(file.name || file.file_id)}
          <button type="button" class="plain" onClick={() => remove(file)} aria-label={`Remove ${visible(file.name)}`}>
            ×
          </button>
        </li>
      ))}
    </ul>
  );
}

interface FileButtonProps {
  added: (file: Attached) => void;
  failed: (error: ApiError) => void;
  disabled: boolean;
}

function FileButton({ added, failed, disabled }: FileButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  const upload = async (file: File) => {
    try {
      const name = encodeURIComponent(file.name);
      const headers = { "content-type": file.type || "application/octet-stream" };
      const response = await server.send(`/files?name=${name}`, { method: "POST", headers, body: file });
      const body = await response.json();
      if (!response.ok) throw errorOf(response, body);
      added(body as Attached);
    } catch (error) {
      failed(error instanceof ApiError ? error : new ApiError(0, { error: String(error) }));
    }
  };
  return (
    <>
      <button type="button" disabled={disabled} onClick={() => input.current?.click()}>
        <Icon path="M8 12l6-6a3 3 0 0 1 4 4l-8 8a5 5 0 0 1-7-7l8-8" />
        Attach
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files to attach"
        onChange={(event) => {
          for (const file of event.currentTarget.files ?? []) upload(file);
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}

function parts(text: string) {
  return text.trim() ? [{ type: "text" as const, text }] : [];
}

function partOf(file: Attached) {
  return file.media_type.startsWith("image/")
    ? { type: "image" as const, file: file.file_id }
    : { type: "file" as const, file: file.file_id, name: file.name };
}

function contextOf(text: string): Record<string, unknown> | null {
  if (!text.trim()) return null;
  let made: unknown;
  try {
    made = JSON.parse(text);
  } catch {
    throw new ApiError(0, { error: "The first context is not valid JSON." });
  }
  if (typeof made !== "object" || made === null || Array.isArray(made))
    throw new ApiError(0, { error: 'The first context is a JSON object, such as {"name": "Ada"}.' });
  return made as Record<string, unknown>;
}
