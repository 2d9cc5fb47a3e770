import { ApiError, data, type Schemas } from "@journeyman/client";
import { useState } from "preact/hooks";
import { counted } from "../../parts/amounts";
import { Empty } from "../../parts/Empty";
import { Id } from "../../parts/Id";
import { More } from "../../parts/More";
import { Notice } from "../../parts/Notice";
import { Time } from "../../parts/Time";
import { usePages } from "../../parts/usePages";
import { visible } from "../../parts/visible";
import { AskedCard } from "../../run/AskedCard";
import { askedOf } from "../../run/askedOf";
import { answer } from "../../run/runActions";
import { address, changeQuery, to } from "../../shell/address";
import { useShortcuts } from "../../shell/keyboard";
import { server } from "../../shell/server";
import "./approvals.css";

type Approval = Schemas["ApprovalAnswer"];
const KINDS: Record<string, string> = {
  tool: "a call",
  unknown_outcome: "an unknown outcome",
  node: "a node",
  question: "a question",
  limit: "a limit",
};

/** The inbox of what waits for a human: who asked, what would run, and the answer for one or for many. */
export function ApprovalsView() {
  const query = address.value.query;
  const [kind, tool] = [query.get("kind") ?? "", query.get("tool") ?? ""];
  const [marked, setMarked] = useState<string[]>([]);
  const pages = usePages<Approval>("approvals", (cursor) =>
    data(server.requests.GET("/approvals", { params: { query: { cursor, limit: 50 } } })),
  );
  const tools = [...new Set(pages.items.map((each) => each.tool).filter(Boolean))];
  const shown = pages.items.filter((each) => (!kind || each.kind === kind) && (!tool || each.tool === tool));
  useShortcuts([{ keys: "r", does: "Read the inbox anew", run: pages.reload }]);
  const mark = (id: string) =>
    setMarked((now) => (now.includes(id) ? now.filter((each) => each !== id) : [...now, id]));
  return (
    <div class="page">
      <header>
        <h1>Approvals</h1>
        <button type="button" onClick={pages.reload}>
          Read anew
        </button>
      </header>
      <search class="filters">
        <label>
          Kind
          <select value={kind} onChange={(event) => changeQuery({ kind: event.currentTarget.value })}>
            <option value="">all</option>
            {Object.entries(KINDS).map(([name, text]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <label>
          Tool
          <select value={tool} onChange={(event) => changeQuery({ tool: event.currentTarget.value })}>
            <option value="">all</option>
            {tools.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
      </search>
      <Many
        chosen={shown.filter((each) => marked.includes(each.approval))}
        done={() => {
          setMarked([]);
          pages.reload();
        }}
      />
      {pages.error && <Notice error={pages.error} retry={pages.reload} />}
      <ul class="approvals">
        {shown.map((each) => (
          <li key={each.approval} class="card">
            <One approval={each} marked={marked.includes(each.approval)} mark={mark} answered={pages.reload} />
          </li>
        ))}
      </ul>
      <More pages={pages} />
      {!pages.loading && !pages.error && shown.length === 0 && (
        <Empty title="Nothing waits for you">
          <p>
            A tool that asks says so in its code, <code>@tool(approval="always")</code>, or in <code>agent.yaml</code>:
          </p>
          <pre>{'tools:\n  - name: refund\n    approval: "args.amount > 50"'}</pre>
          <p>Its calls then wait here, for days if need be, and survive restarts.</p>
        </Empty>
      )}
    </div>
  );
}

interface OneProps {
  approval: Approval;
  marked: boolean;
  mark: (id: string) => void;
  answered: () => void;
}

function One({ approval, marked, mark, answered }: OneProps) {
  return (
    <>
      <div class="row">
        <label class="row">
          <input type="checkbox" checked={marked} onChange={() => mark(approval.approval)} />
          {KINDS[approval.kind] ?? visible(approval.kind)} {approval.tool && <code>{visible(approval.tool)}</code>}
        </label>
        <span class="quiet">
          asked <Time at={approval.requested_at} /> for {visible(approval.requested_by || approval.principal)}
        </span>
        <a href={to(["runs", approval.run_id])}>Its run</a>
        <Id value={approval.approval} />
      </div>
      <AskedCard run={approval.run_id} asked={askedOf(approval)} answered={answered} />
    </>
  );
}

/** Answers all that are marked alike, one request for each run. */
function Many({ chosen, done }: { chosen: Approval[]; done: () => void }) {
  const [failures, setFailures] = useState<string[]>([]);
  const [sending, setSending] = useState(false);
  if (chosen.length === 0 && failures.length === 0) return null;
  const send = async (decision: "approve" | "deny") => {
    setSending(true);
    const runs = Map.groupBy(chosen, (each) => each.run_id);
    const results = await Promise.allSettled(
      [...runs].map(([run, asked]) =>
        answer(
          run,
          asked.map((each) => ({ approval: each.approval, decision })),
        ),
      ),
    );
    setFailures(results.flatMap((each) => (each.status === "rejected" ? [reasonOf(each.reason)] : [])));
    setSending(false);
    done();
  };
  const may = (decision: string) => chosen.length > 0 && chosen.every((each) => each.decisions.includes(decision));
  return (
    <div class="notice" role="status">
      <div class="row">
        {counted(chosen.length, "marked approval")}
        <button type="button" class="primary" disabled={sending || !may("approve")} onClick={() => send("approve")}>
          Approve them
        </button>
        <button type="button" disabled={sending || !may("deny")} onClick={() => send("deny")}>
          Deny them
        </button>
      </div>
      {failures.map((each) => (
        <p key={each}>{each}</p>
      ))}
    </div>
  );
}

function reasonOf(reason: unknown): string {
  return reason instanceof ApiError ? reason.message : String(reason);
}
