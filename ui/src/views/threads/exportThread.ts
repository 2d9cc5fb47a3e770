import { data, type Schemas } from "@journeyman/client";
import { server } from "../../shell/server";

const PAGE = 100;
const MOST_PAGES = 200;

type Page<T> = { items: T[]; next_cursor?: string | null };

/** Save a thread as one JSON file: what it is, its context, its messages and its runs. */
export async function exportThread(thread: Schemas["ThreadAnswer"]): Promise<void> {
  const path = { thread_id: thread.thread_id };
  const [context, messages, runs] = await Promise.all([
    data(server.requests.GET("/threads/{thread_id}/context", { params: { path } })),
    all((cursor) =>
      data(server.requests.GET("/threads/{thread_id}/messages", { params: { path, query: { cursor, limit: PAGE } } })),
    ),
    all((cursor) =>
      data(server.requests.GET("/threads/{thread_id}/runs", { params: { path, query: { cursor, limit: PAGE } } })),
    ),
  ]);
  save(`${thread.thread_id}.json`, { thread, context, ...named("messages", messages), ...named("runs", runs) });
}

/** Read a list whole. `complete` is false if it has more pages than may be read. */
async function all<T>(read: (cursor: string | undefined) => Promise<Page<T>>) {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await read(cursor);
    items.push(...answer.items);
    if (!answer.next_cursor) return { items, complete: true };
    cursor = answer.next_cursor;
  }
  return { items, complete: false };
}

function named(name: string, { items, complete }: { items: unknown[]; complete: boolean }) {
  return complete ? { [name]: items } : { [name]: items, [`${name}_cut`]: true };
}

function save(name: string, value: unknown): void {
  const address = URL.createObjectURL(new Blob([JSON.stringify(value, null, 2)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
