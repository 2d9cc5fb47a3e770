import { useId } from "preact/hooks";
import { visible } from "../../parts/visible";
import { choicesOf, fieldOf, type Problems, type Schema, startOf, Unfinished, withoutNull } from "./schemaValues";

interface Props {
  schema: Schema;
  value: unknown;
  change: (value: unknown) => void;
  problems: Problems;
  path: string;
}

/** The fields of an object's properties. */
export function SchemaForm({ schema, value, change, problems, path }: Props) {
  const values = (value ?? {}) as Record<string, unknown>;
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0) return <p class="quiet">It has no fields.</p>;
  return (
    <div class="stack">
      {properties.map(([name, each]) => (
        <Property
          key={name}
          name={name}
          required={schema.required?.includes(name) ?? false}
          schema={each}
          value={values[name]}
          change={(next) => change(changed(values, name, next))}
          problems={problems}
          path={path ? `${path}.${name}` : name}
        />
      ))}
    </div>
  );
}

function changed(values: Record<string, unknown>, name: string, next: unknown): Record<string, unknown> {
  const { [name]: _, ...others } = values;
  return next === undefined ? others : { ...values, [name]: next };
}

function hasFields(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

interface PropertyProps extends Props {
  name: string;
  required: boolean;
}

function Property({ name, required, schema: given, value, change, problems, path }: PropertyProps) {
  const { schema, nullable } = withoutNull(given);
  const field = fieldOf(schema);
  const id = useId();
  const problem = problems[path];
  const described = `${id}-about`;
  const label = (
    <>
      {visible(name)}
      {required && <span class="quiet"> required</span>}
    </>
  );
  const nulled = nullable && (
    <label class="row">
      <input
        type="checkbox"
        checked={value === null}
        onChange={(event) => change(event.currentTarget.checked ? null : undefined)}
      />
      null
    </label>
  );
  const about = (
    <span id={described}>
      {schema.description && <span class="quiet">{visible(schema.description)}</span>}
      {problem && (
        <strong class="problem" role="alert">
          {problem}
        </strong>
      )}
    </span>
  );
  if (field === "object" || field === "array")
    return (
      <fieldset aria-describedby={described}>
        <legend>{label}</legend>
        {about}
        {nulled}
        {value === null ? null : field === "object" ? (
          <SchemaForm
            schema={schema}
            value={value}
            change={(next) => change(required || hasFields(next) ? next : undefined)}
            problems={problems}
            path={path}
          />
        ) : (
          <List schema={schema} value={value} change={change} problems={problems} path={path} />
        )}
      </fieldset>
    );
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="row">
        <Input id={id} described={described} schema={schema} value={value} change={change} wrong={Boolean(problem)} />
        {nulled}
      </div>
      {about}
    </div>
  );
}

function List({ schema, value, change, problems, path }: Props) {
  const values = Array.isArray(value) ? value : [];
  const item = schema.items ?? {};
  return (
    <div class="stack">
      {values.map((each, place) => (
        <div key={place} class="row list-item">
          <Property
            name={String(place + 1)}
            required={false}
            schema={item}
            value={each}
            change={(next) => change(values.with(place, next))}
            problems={problems}
            path={`${path}.${place}`}
          />
          <button
            type="button"
            class="plain"
            onClick={() => change(values.toSpliced(place, 1))}
            aria-label={`Remove ${place + 1}`}
          >
            ×
          </button>
        </div>
      ))}
      <div>
        <button type="button" onClick={() => change([...values, startOf(item)])}>
          Add one
        </button>
      </div>
    </div>
  );
}

interface InputProps {
  id: string;
  described: string;
  schema: Schema;
  value: unknown;
  change: (value: unknown) => void;
  wrong: boolean;
}

function Input({ id, described, schema, value, change, wrong }: InputProps) {
  const field = fieldOf(schema);
  const shared = { id, "aria-describedby": described, "aria-invalid": wrong, disabled: value === null };
  const text = value instanceof Unfinished ? value.text : null;
  const choices = choicesOf(schema) ?? [];
  const unset = schema.default === undefined ? "" : visible(`default: ${JSON.stringify(schema.default)}`);
  if (field === "choice")
    return (
      <select
        {...shared}
        value={choices.indexOf(value)}
        onChange={(event) => change(choices[Number(event.currentTarget.value)])}
      >
        <option value={-1}>not given</option>
        {choices.map((each, place) => (
          <option key={place} value={place}>
            {visible(String(each))}
          </option>
        ))}
      </select>
    );
  if (field === "boolean")
    return (
      <select
        {...shared}
        value={value === undefined ? "" : String(value)}
        onChange={(event) =>
          change(event.currentTarget.value === "" ? undefined : event.currentTarget.value === "true")
        }
      >
        <option value="">not given</option>
        <option value="true">true</option>
        <option value="false">false</option>
      </select>
    );
  if (field === "number" || field === "integer")
    return (
      <input
        {...shared}
        inputMode="decimal"
        placeholder={unset}
        value={text ?? (value === undefined || value === null ? "" : String(value))}
        onInput={(event) => change(numberOf(event.currentTarget.value))}
      />
    );
  if (field === "string")
    return (
      <textarea
        {...shared}
        rows={1}
        placeholder={unset}
        value={typeof value === "string" ? value : ""}
        onInput={(event) => change(event.currentTarget.value === "" ? undefined : event.currentTarget.value)}
      />
    );
  return (
    <textarea
      {...shared}
      class="mono"
      rows={3}
      placeholder={unset || 'JSON, such as {}, [1, 2] or "text"'}
      value={text ?? (value === undefined ? "" : JSON.stringify(value, null, 2))}
      onInput={(event) => change(jsonOf(event.currentTarget.value))}
    />
  );
}

function numberOf(text: string): unknown {
  if (text.trim() === "") return undefined;
  const value = Number(text);
  return String(value) === text.trim() && Number.isFinite(value) ? value : new Unfinished(text);
}

function jsonOf(text: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return new Unfinished(text);
  }
}
