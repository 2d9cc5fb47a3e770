import { Json } from "../../parts/Json";
import { Sentence } from "../../parts/Sentence";
import { forbidden } from "../../shell/session";
import { type Document, exampleOf, type Operation, resolved, type SchemaObject, typeOf } from "./document";
import { TryOperation } from "./TryOperation";

/** One operation: its parameters, its body with an example, its answers, and a form that sends it. */
export function OperationPage({ document, operation }: { document: Document; operation: Operation }) {
  const body = bodyOf(operation);
  const scope = operation.security?.[0]?.credential?.[0];
  return (
    <article class="stack">
      <h2>
        <code>
          {operation.method} {operation.path}
        </code>
      </h2>
      <p>{operation.summary}</p>
      {operation.description && (
        <p class="plain-text">
          <Sentence text={operation.description} />
        </p>
      )}
      <p class="quiet">
        {scope ? `Needs the scope “${scope}”.` : "Needs no scope."} {scope ? forbidden(scope) : ""}
      </p>
      {(operation.parameters ?? []).length > 0 && (
        <section>
          <h3>Parameters</h3>
          <dl class="facts">
            {operation.parameters?.map((each) => (
              <Row
                key={each.name}
                name={each.name}
                type={`${each.in}, ${typeOf(document, each.schema)}`}
                required={each.required ?? false}
                text={each.description ?? ""}
              />
            ))}
          </dl>
        </section>
      )}
      {body && (
        <section>
          <h3>Body: {typeOf(document, body)}</h3>
          <Fields document={document} schema={body} />
        </section>
      )}
      <TryOperation
        operation={operation}
        example={body ? exampleOf(document, body) : undefined}
        scope={scope ?? null}
      />
      <section>
        <h3>Answers</h3>
        {Object.entries(operation.responses).map(([status, response]) => (
          <details key={status}>
            <summary>
              {status} {response.description}
            </summary>
            {Object.entries(response.content ?? {}).map(([type, { schema }]) => (
              <div key={type}>
                <p class="quiet">
                  {type} {typeOf(document, schema)}
                </p>
                <Fields document={document} schema={schema} />
              </div>
            ))}
          </details>
        ))}
      </section>
    </article>
  );
}

function bodyOf(operation: Operation): SchemaObject | undefined {
  return operation.requestBody?.content["application/json"]?.schema;
}

function Fields({ document, schema }: { document: Document; schema: SchemaObject | undefined }) {
  const found = resolved(document, schema);
  if (!found.properties) return <Json value={found} label="Schema" />;
  return (
    <>
      {found.description && (
        <p class="plain-text">
          <Sentence text={found.description} />
        </p>
      )}
      <dl class="facts">
        {Object.entries(found.properties).map(([name, each]) => (
          <Row
            key={name}
            name={name}
            type={typeOf(document, each)}
            required={found.required?.includes(name) ?? false}
            text={each.description ?? (each.default === undefined ? "" : `default ${JSON.stringify(each.default)}`)}
          />
        ))}
      </dl>
    </>
  );
}

function Row({ name, type, required, text }: { name: string; type: string; required: boolean; text: string }) {
  return (
    <>
      <dt>
        <code>{name}</code>
      </dt>
      <dd>
        <span class="quiet">
          {type}
          {required && ", required"}
        </span>{" "}
        <Sentence text={text} />
      </dd>
    </>
  );
}
