import { data, type Schemas } from "@journeyman/client";
import { useEffect } from "preact/hooks";
import { Icon } from "../../parts/Icon";
import { More } from "../../parts/More";
import { Notice } from "../../parts/Notice";
import { Time } from "../../parts/Time";
import { usePages } from "../../parts/usePages";
import { visible } from "../../parts/visible";
import { to } from "../../shell/address";
import { server } from "../../shell/server";

/** The threads beside a conversation, the last changed first. `changes` counts what was sent since. */
export function ThreadList({ current, changes, close }: { current: string; changes: number; close: () => void }) {
  const threads = usePages("threads", async (cursor) =>
    data(server.requests.GET("/threads", { params: { query: { order: "newest", cursor, limit: 30 } } })),
  );
  const reload = threads.reload;
  useEffect(() => {
    if (changes) reload();
  }, [changes, reload]);
  return (
    <aside class="threads" aria-label="Threads">
      <div class="threads-head">
        <a class="new" href={to("chat")} onClick={close}>
          <Icon path="M12 5v14M5 12h14" />
          New conversation
        </a>
        <button type="button" class="plain close" onClick={close} aria-label="Close the list">
          ×
        </button>
      </div>
      {threads.error && <Notice error={threads.error} retry={threads.reload} />}
      <ul>
        {threads.items.map((thread) => (
          <li key={thread.thread_id}>
            <a
              href={to(["chat", thread.thread_id])}
              aria-current={thread.thread_id === current ? "true" : undefined}
              onClick={close}
            >
              <span class="name">{visible(nameOf(thread))}</span>
              <span class="quiet">
                <Time at={thread.updated_at} />
                {thread.active_run && " · active"}
              </span>
            </a>
          </li>
        ))}
      </ul>
      <More pages={threads} />
    </aside>
  );
}

function nameOf(thread: Schemas["ThreadAnswer"]): string {
  return thread.title || thread.preview || thread.thread_id;
}
