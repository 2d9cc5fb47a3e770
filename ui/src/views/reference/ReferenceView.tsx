import { useMemo } from "preact/hooks";
import { Notice } from "../../parts/Notice";
import { useResource } from "../../parts/useResource";
import { address, changeQuery, to } from "../../shell/address";
import { useShortcuts } from "../../shell/keyboard";
import { root } from "../../shell/server";
import { type Document, grouped, type Operation, readDocument } from "./document";
import { OperationPage } from "./OperationPage";
import "./reference.css";

/** The API by use, with an example of each body, and a way to send it. `/reference/OPERATION?q=TEXT` */
export function ReferenceView() {
  const document = useResource("openapi", readDocument);
  useShortcuts([
    { keys: "/", does: "Search an operation", run: () => globalThis.document.getElementById("api-search")?.focus() },
  ]);
  return (
    <div class="page reference">
      <header>
        <h1>The API</h1>
        <a href={`${root}/openapi.json`} target="_blank" rel="noopener">
          openapi.json
        </a>
      </header>
      {document.error && <Notice error={document.error} retry={document.reload} />}
      {document.data && <Shown document={document.data} />}
    </div>
  );
}

function Shown({ document }: { document: Document }) {
  const chosen = address.value.path[1];
  const wanted = (address.value.query.get("q") ?? "").toLowerCase();
  const groups = useMemo(() => grouped(document), [document]);
  const operation = groups.flatMap((each) => each.operations).find((each) => each.operationId === chosen);
  return (
    <div class={operation ? "reference-columns chosen" : "reference-columns"}>
      <nav aria-label="Operations">
        <label class="field">
          Search
          <input
            id="api-search"
            value={address.value.query.get("q") ?? ""}
            onInput={(event) => changeQuery({ q: event.currentTarget.value })}
          />
        </label>
        {groups.map((group) => (
          <Group
            key={group.name}
            name={group.name}
            operations={group.operations}
            wanted={wanted}
            chosen={chosen ?? ""}
          />
        ))}
      </nav>
      <div>
        {operation ? (
          <OperationPage document={document} operation={operation} key={operation.operationId} />
        ) : (
          <p>{document.info.description}</p>
        )}
      </div>
    </div>
  );
}

interface GroupProps {
  name: string;
  operations: Operation[];
  wanted: string;
  chosen: string;
}

function Group({ name, operations, wanted, chosen }: GroupProps) {
  const shown = operations.filter((each) =>
    `${each.method} ${each.path} ${each.summary}`.toLowerCase().includes(wanted),
  );
  if (shown.length === 0) return null;
  return (
    <section>
      <h2>{name}</h2>
      <ul>
        {shown.map((each) => (
          <li key={each.operationId}>
            <a
              href={to(["reference", each.operationId], { q: wanted })}
              aria-current={each.operationId === chosen ? "true" : undefined}
            >
              <code>
                <b>{each.method}</b> {each.path}
              </code>
              <span class="quiet">{each.summary}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
