import { data, type Schemas } from "@journeyman/client";
import { useRef } from "preact/hooks";
import { Id } from "../../parts/Id";
import { Json } from "../../parts/Json";
import { Notice } from "../../parts/Notice";
import { Status } from "../../parts/Status";
import { useResource } from "../../parts/useResource";
import { visible } from "../../parts/visible";
import { AskedCard } from "../../run/AskedCard";
import { askedOf } from "../../run/askedOf";
import { to } from "../../shell/address";
import { server } from "../../shell/server";
import { GIVEN, KINDS } from "./kinds";

type Approval = Schemas["ApprovalAnswer"];
type Outcome = Schemas["OutcomeAnswer"];
const ANEW_SECONDS = 3;
const ENDED = ["finished", "failed", "cancelled"];
const MOST_PAGES = 10;

/** One approval: its question while it is open, and what has become of it after its answer. */
export function ApprovalPage({ id }: { id: string }) {
  const ended = useRef(false); // nothing changes then, so it is not read again
  const outcome = useResource(
    `approval ${id}`,
    () => data(server.requests.GET("/approvals/{approval_id}", { params: { path: { approval_id: id } } })),
    ended.current ? 0 : ANEW_SECONDS,
  );
  const known = outcome.data;
  ended.current = known !== null && ENDED.includes(known.status);
  return (
    <div class="page">
      <header>
        <h1>Approval</h1>
        <a href={to("approvals")}>To the inbox</a>
      </header>
      {outcome.error && <Notice error={outcome.error} retry={outcome.reload} />}
      {known && (
        <div class="stack">
          <Facts outcome={known} />
          {known.decision === null && <Open id={id} answered={outcome.reload} />}
          {known.error && (
            <p class="notice bad">
              <code>{known.error.code}</code> {visible(known.error.message)}
            </p>
          )}
          {known.result !== null && known.result !== undefined && <Json value={known.result} label="Result" />}
        </div>
      )}
    </div>
  );
}

function Facts({ outcome }: { outcome: Outcome }) {
  const { decision, answered_by } = outcome;
  return (
    <dl class="facts">
      {decision !== null && (
        <>
          <dt>Question</dt>
          <dd>{visible(outcome.message)}</dd>
        </>
      )}
      <dt>Kind</dt>
      <dd>
        {KINDS[outcome.kind] ?? visible(outcome.kind)}{" "}
        {outcome.tool && <a href={to(["tools", outcome.tool])}>{visible(outcome.tool)}</a>}
      </dd>
      <dt>Answer</dt>
      <dd>
        {decision === null ? "none yet" : (GIVEN[decision] ?? decision)}
        {answered_by && ` by ${visible(answered_by)}`}
      </dd>
      <dt>Run</dt>
      <dd>
        <a href={to(["runs", outcome.run_id])}>{outcome.run_id.slice(0, 14)}…</a> <Status status={outcome.status} />
      </dd>
      <dt>Id</dt>
      <dd>
        <Id value={outcome.approval} />
      </dd>
    </dl>
  );
}

/** The question itself, which only the inbox has with its arguments. */
function Open({ id, answered }: { id: string; answered: () => void }) {
  const approval = useResource(`open ${id}`, () => found(id));
  if (approval.error) return <Notice error={approval.error} retry={approval.reload} />;
  if (!approval.data) return null;
  return <AskedCard run={approval.data.run_id} asked={askedOf(approval.data)} answered={answered} />;
}

async function found(id: string): Promise<Approval | null> {
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const read = await data(server.requests.GET("/approvals", { params: { query: { cursor, limit: 100 } } }));
    const one = read.items.find((each) => each.approval === id);
    if (one) return one;
    if (!read.next_cursor) return null;
    cursor = read.next_cursor;
  }
  return null;
}
