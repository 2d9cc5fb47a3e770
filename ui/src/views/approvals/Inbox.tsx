import { data, type Schemas } from "@journeyman/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { counted } from "../../parts/amounts";
import { Empty } from "../../parts/Empty";
import { More } from "../../parts/More";
import { Notice } from "../../parts/Notice";
import { usePages } from "../../parts/usePages";
import { visible } from "../../parts/visible";
import { address, changeQuery, to } from "../../shell/address";
import { useShortcuts } from "../../shell/keyboard";
import { server } from "../../shell/server";
import { GIVEN, KINDS } from "./kinds";
import { Many } from "./Many";
import { One } from "./One";

type Approval = Schemas["ApprovalAnswer"];
const ANEW_SECONDS = 10;

/** What waits for a human: who asked, what would run, and the answer for one or for many. */
export function Inbox() {
  const query = address.value.query;
  const wanted = { kind: query.get("kind") ?? "", tool: query.get("tool") ?? "", by: query.get("by") ?? "" };
  const [marked, setMarked] = useState<string[]>([]);
  const [given, setGiven] = useState<Given[]>([]);
  const pages = usePages<Approval>(
    "approvals",
    (cursor) => data(server.requests.GET("/approvals", { params: { query: { cursor, limit: 50 } } })),
    ANEW_SECONDS,
  );
  useShortcuts([{ keys: "r", does: "Read the inbox anew", run: pages.reload }]);
  const shown = pages.items.filter((each) => fits(each, wanted));
  const chosen = shown.filter((each) => marked.includes(each.approval));
  const answered = (approvals: Approval[], decision: string) => {
    const ids = approvals.map((each) => each.approval);
    setGiven((now) => [...approvals.map((approval) => ({ approval, decision })), ...now].slice(0, 20));
    setMarked((now) => now.filter((each) => !ids.includes(each)));
    pages.reload();
  };
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
      {pages.items.length > 0 && <Filters items={pages.items} wanted={wanted} />}
      <AnsweredNow given={given} />
      {shown.length > 1 && (
        <div class="row marking">
          <label class="row">
            <input
              type="checkbox"
              checked={chosen.length === shown.length}
              onChange={(event) => setMarked(event.currentTarget.checked ? shown.map((each) => each.approval) : [])}
            />
            Mark all that are shown
          </label>
          <span class="quiet">{counted(shown.length, "approval waits", "approvals wait")}</span>
        </div>
      )}
      <Many chosen={chosen} answered={answered} reload={pages.reload} />
      {pages.error && <Notice error={pages.error} retry={pages.reload} />}
      <ul class="approvals">
        {shown.map((each) => (
          <li key={each.approval} class="card">
            <One
              approval={each}
              marked={marked.includes(each.approval)}
              mark={mark}
              answered={(decision) => answered([each], decision)}
            />
          </li>
        ))}
      </ul>
      {shown.length === 0 && pages.items.length > 0 && (
        <p>
          {pages.more ? "None of those that were read fits. " : "None that waits fits. "}
          <a href={to("approvals")}>Show all</a>
        </p>
      )}
      <More pages={pages} />
      {!pages.loading && !pages.error && pages.items.length === 0 && <Nothing />}
    </div>
  );
}

type Wanted = { kind: string; tool: string; by: string };

function fits(approval: Approval, { kind, tool, by }: Wanted): boolean {
  return (!kind || approval.kind === kind) && (!tool || approval.tool === tool) && (!by || askerOf(approval) === by);
}

function askerOf(approval: Approval): string {
  return approval.requested_by || approval.principal;
}

function Filters({ items, wanted }: { items: Approval[]; wanted: Wanted }) {
  const kinds = Object.keys(KINDS).map((name) => [name, KINDS[name] ?? name] as const);
  return (
    <search class="filters">
      <Choice name="kind" label="Kind" value={wanted.kind} options={kinds} />
      <Choice name="tool" label="Tool" value={wanted.tool} options={named(items, (each) => each.tool, wanted.tool)} />
      <Choice name="by" label="Asked for" value={wanted.by} options={named(items, askerOf, wanted.by)} />
    </search>
  );
}

/** Return the names to choose from: those that are there, and the one that is chosen. */
function named(items: Approval[], nameOf: (each: Approval) => string, chosen: string) {
  const names = new Set([chosen, ...items.map(nameOf)].filter(Boolean));
  return [...names].sort().map((name) => [name, visible(name)] as const);
}

interface ChoiceProps {
  name: string;
  label: string;
  value: string;
  options: (readonly [string, string])[];
}

function Choice({ name, label, value, options }: ChoiceProps) {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => changeQuery({ [name]: event.currentTarget.value })}>
        <option value="">all</option>
        {options.map(([each, text]) => (
          <option key={each} value={each}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

type Given = { approval: Approval; decision: string };

/** What was answered here since the view was opened, the last first. It takes the focus of the card that is gone. */
function AnsweredNow({ given }: { given: Given[] }) {
  const place = useRef<HTMLDivElement>(null);
  const newest = given[0]?.approval.approval;
  useEffect(() => {
    if (newest) place.current?.focus();
  }, [newest]);
  if (given.length === 0) return null;
  return (
    <div class="notice" role="status" tabIndex={-1} ref={place}>
      <ul class="answered">
        {given.map(({ approval, decision }) => (
          <li key={approval.approval}>
            {approval.tool ? <code>{visible(approval.tool)}</code> : (KINDS[approval.kind] ?? visible(approval.kind))}{" "}
            {GIVEN[decision] ?? decision}. <a href={to(["approvals", approval.approval])}>What has become of it</a>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Nothing() {
  return (
    <Empty title="Nothing waits for you">
      <p>
        A tool that asks says so in its code, <code>@tool(approval="always")</code>, or in <code>agent.yaml</code>:
      </p>
      <pre>{'tools:\n  - name: refund\n    approval: "args.amount > 50"'}</pre>
      <p>Its calls then wait here, for days if need be, and survive restarts.</p>
    </Empty>
  );
}
