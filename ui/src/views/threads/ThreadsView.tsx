import { ApiError, data, type Schemas } from "@journeyman/client";
import { useState } from "preact/hooks";
import { counted } from "../../parts/amounts";
import { Dialog } from "../../parts/Dialog";
import { Empty, Snippets } from "../../parts/Empty";
import { Id } from "../../parts/Id";
import { More } from "../../parts/More";
import { Notice } from "../../parts/Notice";
import { Time } from "../../parts/Time";
import { usePages } from "../../parts/usePages";
import { visible } from "../../parts/visible";
import { address, changeQuery, to } from "../../shell/address";
import { useShortcuts } from "../../shell/keyboard";
import { server } from "../../shell/server";
import { forbidden } from "../../shell/session";
import { exportThread } from "./exportThread";

type Thread = Schemas["ThreadAnswer"];

type Saving = { thread: Thread; error: ApiError | null } | null;

/** The threads, the last changed first: found by id, title or first message, opened, exported and deleted. */
export function ThreadsView() {
  const q = address.value.query.get("q") ?? "";
  const pages = usePages<Thread>(`threads ${q}`, (cursor) =>
    data(
      server.requests.GET("/threads", {
        params: { query: { order: "newest", q: q || undefined, cursor, limit: 50 } },
      }),
    ),
  );
  const [leaving, setLeaving] = useState<Thread | null>(null);
  const [saving, setSaving] = useState<Saving>(null);
  const save = async (thread: Thread) => {
    setSaving({ thread, error: null });
    try {
      await exportThread(thread);
      setSaving(null);
    } catch (failed) {
      const error = failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) });
      setSaving({ thread, error });
    }
  };
  useShortcuts([{ keys: "/", does: "Find a thread", run: () => document.getElementById("thread-q")?.focus() }]);
  return (
    <div class="page">
      <header>
        <h1>Threads</h1>
        <a href={to("chat")}>New conversation</a>
      </header>
      <search class="filters">
        <label>
          Id, title or first message
          <input id="thread-q" value={q} onChange={(event) => changeQuery({ q: event.currentTarget.value.trim() })} />
        </label>
      </search>
      {pages.error && <Notice error={pages.error} retry={pages.reload} />}
      {saving?.error && <Notice error={saving.error} retry={() => save(saving.thread)} />}
      {pages.items.length > 0 && (
        <Table
          threads={pages.items}
          saving={saving?.error ? null : (saving?.thread ?? null)}
          save={save}
          leave={setLeaving}
        />
      )}
      <More pages={pages} />
      {!pages.loading && !pages.error && pages.items.length === 0 && (
        <Empty title={q ? "No thread fits" : "There is no thread yet"}>
          <p>
            A thread is a conversation: <a href={to("chat")}>begin one</a>, or by the API:
          </p>
          <Snippets path="/process" body={{ thread_id: "first", user_input: "What is 6 times 7?" }} />
        </Empty>
      )}
      {leaving && <DeleteDialog thread={leaving} close={() => setLeaving(null)} done={pages.reload} />}
    </div>
  );
}

interface TableProps {
  threads: Thread[];
  saving: Thread | null;
  save: (thread: Thread) => void;
  leave: (thread: Thread) => void;
}

function Table({ threads, saving, save, leave }: TableProps) {
  const reason = forbidden("run");
  return (
    <div class="table-box">
      <table>
        <thead>
          <tr>
            <th>Thread</th>
            <th>Id</th>
            <th class="number">Messages</th>
            <th>Changed</th>
            <th>Begun</th>
            <th>
              <span class="hidden-label">What to do</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {threads.map((thread) => (
            <tr key={thread.thread_id}>
              <td>
                <a href={to(["chat", thread.thread_id])}>
                  {visible(thread.title || thread.preview || thread.thread_id)}
                </a>
                {thread.active_run && (
                  <>
                    {" "}
                    <a class="quiet" href={to(["runs", thread.active_run])}>
                      a run is active
                    </a>
                  </>
                )}
              </td>
              <td>
                <Id value={thread.thread_id} />
              </td>
              <td class="number">{thread.messages}</td>
              <td>
                <Time at={thread.updated_at} />
              </td>
              <td>
                <Time at={thread.created_at} />
              </td>
              <td class="row">
                <a href={to("runs", { thread: thread.thread_id })}>Runs</a>
                <button
                  type="button"
                  class="plain"
                  disabled={saving !== null}
                  title="As one JSON file: its context, messages and runs"
                  onClick={() => save(thread)}
                >
                  {saving === thread ? "Reads…" : "Export"}
                </button>
                <button
                  type="button"
                  class="plain danger"
                  disabled={reason !== null}
                  title={reason ?? undefined}
                  onClick={() => leave(thread)}
                >
                  Delete…
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function DeleteDialog({ thread, close, done }: { thread: Thread; close: () => void; done: () => void }) {
  const [error, setError] = useState<ApiError | null>(null);
  const remove = async () => {
    try {
      await data(
        server.requests.DELETE("/threads/{thread_id}", { params: { path: { thread_id: thread.thread_id } } }) as never,
      );
      close();
      done();
    } catch (failed) {
      setError(failed instanceof ApiError ? failed : new ApiError(0, { error: String(failed) }));
    }
  };
  return (
    <Dialog title="Delete the thread?" close={close}>
      <div class="stack">
        <p>
          “{visible(thread.title || thread.thread_id)}” is erased with {counted(thread.messages, "message")}, its runs,
          their events and its context. A run that is active is cancelled. This cannot be undone.
        </p>
        {error && <Notice error={error} />}
        <div class="row">
          <button type="button" class="danger" onClick={remove}>
            Delete
          </button>
          <button type="button" onClick={close}>
            Keep it
          </button>
        </div>
      </div>
    </Dialog>
  );
}
