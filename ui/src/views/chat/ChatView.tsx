import { data } from "@journeyman/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { Empty, Snippets } from "../../parts/Empty";
import { Icon } from "../../parts/Icon";
import { Notice } from "../../parts/Notice";
import { usePages } from "../../parts/usePages";
import { useResource } from "../../parts/useResource";
import { address, go, to } from "../../shell/address";
import { useShortcuts } from "../../shell/keyboard";
import { server } from "../../shell/server";
import { Composer } from "./Composer";
import { RunTurn } from "./RunTurn";
import { ThreadList } from "./ThreadList";
import "./chat.css";

/** The conversation: threads beside it, its runs as turns, and what is sent next. `/chat/THREAD?agent=NAME`. */
export function ChatView() {
  const thread = address.value.path[1] ?? "";
  const [listed, setListed] = useState(false);
  const [changes, setChanges] = useState(0);
  const begun = useRef(""); // the thread that was begun here, whose writer goes on writing
  useShortcuts([
    { keys: "n", does: "New conversation", run: () => go(to("chat")) },
    { keys: "i", does: "Write a message", run: () => document.getElementById("message")?.focus() },
  ]);
  return (
    <div class={listed ? "chat listed" : "chat"}>
      <ThreadList current={thread} changes={changes} close={() => setListed(false)} />
      <div class="conversation">
        <div class="conversation-head">
          <button type="button" class="plain threads-button" onClick={() => setListed(true)}>
            <Icon path="M4 7h16M4 12h10M4 17h13" />
            Threads
          </button>
          <h1>{thread ? "Conversation" : "New conversation"}</h1>
        </div>
        <Conversation
          thread={thread}
          key={thread}
          writing={thread !== "" && begun.current === thread}
          changed={(on) => {
            begun.current = on;
            setChanges((now) => now + 1);
          }}
        />
      </div>
    </div>
  );
}

interface ConversationProps {
  thread: string;
  writing: boolean;
  changed: (thread: string) => void;
}

function Conversation({ thread, writing, changed }: ConversationProps) {
  const agents = useResource("agents", () => data(server.requests.GET("/agents")));
  const runs = usePages(`runs of ${thread}`, async (cursor) => {
    if (!thread) return { items: [] };
    const params = { path: { thread_id: thread }, query: { cursor, limit: 20 } };
    return data(server.requests.GET("/threads/{thread_id}/runs", { params }));
  });
  const [sent, setSent] = useState<string[]>([]);
  const known = runs.items.map((each) => each.run_id).reverse();
  const shown = [...known, ...sent.filter((run) => !known.includes(run))];
  const latest = runs.items[0]?.agent ?? null;
  const end = useFollowedEnd(shown.length);
  const started = (run: string, on: string) => {
    setSent((now) => [...now, run]);
    changed(on);
    if (on !== thread) go(to(["chat", on]), thread === "");
  };
  return (
    <>
      <div class="turns" ref={end} tabIndex={0} role="log" aria-label="Conversation">
        {runs.error && <Notice error={runs.error} retry={runs.reload} />}
        {runs.more && (
          <p class="more">
            <button type="button" onClick={runs.more}>
              Earlier messages
            </button>
          </p>
        )}
        {!thread && <Welcome none={agents.data?.items.length === 0} />}
        {shown.map((run) => (
          <RunTurn key={run} run={run} last={run === shown.at(-1)} started={started} />
        ))}
      </div>
      <Composer thread={thread} agents={agents.data?.items ?? []} latest={latest} writing={writing} started={started} />
    </>
  );
}

function Welcome({ none }: { none: boolean }) {
  return (
    <Empty title={none ? "There is no agent yet" : "What shall the agent do?"}>
      {none ? (
        <p>
          Write an <code>agent.yaml</code>, or let <code>journeyman init my-agent</code> write one, and start the server
          with its folder.
        </p>
      ) : (
        <>
          <p>Write a message below. The same by the API:</p>
          <Snippets path="/process" body={{ user_input: "What is 6 times 7?" }} />
        </>
      )}
    </Empty>
  );
}

/** Keep the end of the conversation in sight, unless the reader has scrolled away from it. */
function useFollowedEnd(turns: number) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const scrolled = () => {
      atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 80;
    };
    const grown = new ResizeObserver(() => {
      if (atEnd.current) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", scrolled, { passive: true });
    const watch = () => {
      for (const child of element.children) grown.observe(child);
    };
    const added = new MutationObserver(watch);
    added.observe(element, { childList: true });
    watch();
    return () => {
      element.removeEventListener("scroll", scrolled);
      grown.disconnect();
      added.disconnect();
    };
  }, []);
  useEffect(() => {
    atEnd.current = true;
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [turns]);
  return box;
}
