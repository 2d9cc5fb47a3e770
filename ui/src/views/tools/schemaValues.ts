/** A JSON Schema, as far as the form reads it. */
export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  additionalProperties?: boolean | Schema;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  $ref?: string;
  $defs?: Record<string, Schema>;
}

const DEEPEST = 5;
const MOST_SCHEMAS = 2000;
const LOCAL = /^#\/(?:\$defs|definitions)\/([^/]+)$/;

/**
 * Return a schema with what its references mean in their place. References beyond a depth or a number, such as those of
 * a type that holds itself, stay: their fields are asked for as JSON.
 */
export function inlined(root: Schema): Schema {
  const named = { ...(root as { definitions?: Record<string, Schema> }).definitions, ...root.$defs };
  let left = MOST_SCHEMAS;
  const meant = (given: Schema, depth: number): Schema => {
    left -= 1;
    const name = LOCAL.exec(given.$ref ?? "")?.[1];
    const target = name !== undefined && depth < DEEPEST && left > 0 ? named[name] : undefined;
    if (target) return meant({ ...target, ...given, $ref: target.$ref }, depth + 1);
    if (left <= 0) return given;
    const each = (schemas: Schema[] | undefined) => schemas?.map((schema) => meant(schema, depth));
    const properties =
      given.properties &&
      Object.fromEntries(Object.entries(given.properties).map(([key, schema]) => [key, meant(schema, depth)]));
    const items = given.items && meant(given.items, depth);
    const parts = { properties, items, anyOf: each(given.anyOf), oneOf: each(given.oneOf) };
    return { ...given, ...Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined)) };
  };
  return meant(root, 0);
}

/** What is wrong with the values of a form, by path. */
export type Problems = Record<string, string>;

/** Text that stands in a field and is no value of its type yet. */
export class Unfinished {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Field = "object" | "array" | "string" | "number" | "integer" | "boolean" | "choice" | "json";

/** Return how a schema is asked for; what the form does not know is asked for as JSON. */
export function fieldOf(schema: Schema): Field {
  if (choicesOf(schema)) return "choice";
  const type = typeOf(schema);
  if (type === "object" && schema.properties) return "object";
  if (type === "array" && schema.items && !schema.items.$ref) return "array";
  if (type === "string" || type === "number" || type === "integer" || type === "boolean") return type;
  return "json";
}

/** Return the values that a schema allows, if it names them. */
export function choicesOf(schema: Schema): unknown[] | null {
  if (schema.enum) return schema.enum;
  return schema.const === undefined ? null : [schema.const];
}

/** Return the one type of a schema, without null; empty if there are several. */
function typeOf(schema: Schema): string {
  if (typeof schema.type === "string") return schema.type;
  const types = (schema.type ?? []).filter((each) => each !== "null");
  return types.length === 1 ? (types[0] ?? "") : "";
}

/** Return the schema without its null, if null is one of two choices, and whether null was there. */
export function withoutNull(schema: Schema): { schema: Schema; nullable: boolean } {
  const choices = schema.anyOf ?? schema.oneOf;
  const others = choices?.filter((each) => each.type !== "null");
  if (choices && others && others.length === 1 && others.length < choices.length)
    return { schema: { ...schema, anyOf: undefined, oneOf: undefined, ...others[0] }, nullable: true };
  return { schema, nullable: Array.isArray(schema.type) && schema.type.includes("null") };
}

/** Return what a form begins with: its defaults, and those within what is required. */
export function startOf(schema: Schema): unknown {
  if (schema.default !== undefined) return structuredClone(schema.default);
  const { schema: plain } = withoutNull(schema);
  if (fieldOf(plain) !== "object") return undefined;
  const entries = Object.entries(plain.properties ?? {})
    .filter(([name, each]) => each.default !== undefined || plain.required?.includes(name))
    .map(([name, each]) => [name, startOf(each)] as const)
    .filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
}

/** Return the values with each number whose text is whole, such as `1.50`, as a number. */
export function finished(value: unknown): unknown {
  if (value instanceof Unfinished)
    return value.text.trim() !== "" && Number.isFinite(Number(value.text)) ? Number(value.text) : value;
  if (Array.isArray(value)) return value.map(finished);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, finished(each)]));
}

/** Return what is wrong with values, by path, in sentences. The server checks again, by the whole schema. */
export function problemsOf(given: Schema, value: unknown, path = ""): Problems {
  const { schema, nullable } = withoutNull(given);
  if (value === null && nullable) return {};
  if (value instanceof Unfinished) return { [path]: unfinished(schema) };
  if (value === undefined) return {};
  const field = fieldOf(schema);
  if (field === "object") return ofObject(schema, value, path);
  if (field === "array" && Array.isArray(value)) return ofArray(schema, value, path);
  const found = ofValue(schema, field, value);
  return found ? { [path]: found } : {};
}

function unfinished(schema: Schema): string {
  const field = fieldOf(schema);
  return field === "json"
    ? "This is not valid JSON."
    : `This is not ${field === "integer" ? "a whole number" : "a number"}.`;
}

function ofObject(schema: Schema, value: unknown, path: string): Problems {
  const values = (value ?? {}) as Record<string, unknown>;
  const found: Problems = {};
  for (const [name, each] of Object.entries(schema.properties ?? {})) {
    const below = path ? `${path}.${name}` : name;
    if (values[name] === undefined && schema.required?.includes(name)) found[below] = "This is required.";
    else Object.assign(found, problemsOf(each, values[name], below));
  }
  return found;
}

function ofArray(schema: Schema, value: unknown[], path: string): Problems {
  const found: Problems = {};
  if (schema.minItems !== undefined && value.length < schema.minItems)
    found[path] = `There must be at least ${schema.minItems}.`;
  if (schema.maxItems !== undefined && value.length > schema.maxItems)
    found[path] = `There may be at most ${schema.maxItems}.`;
  value.forEach((each, place) => {
    const below = `${path}.${place}`;
    if (each === undefined) found[below] = "This is required.";
    else Object.assign(found, problemsOf(schema.items ?? {}, each, below));
  });
  return found;
}

function ofValue(schema: Schema, field: Field, value: unknown): string | null {
  if ((field === "number" || field === "integer") && typeof value === "number") {
    if (field === "integer" && !Number.isInteger(value)) return "This must be a whole number.";
    if (schema.minimum !== undefined && value < schema.minimum) return `This must be at least ${schema.minimum}.`;
    if (schema.maximum !== undefined && value > schema.maximum) return `This must be at most ${schema.maximum}.`;
  }
  if ((field === "number" || field === "integer") && typeof value === "number") {
    const { exclusiveMinimum: over, exclusiveMaximum: under } = schema;
    if (over !== undefined && value <= over) return `This must be more than ${over}.`;
    if (under !== undefined && value >= under) return `This must be less than ${under}.`;
  }
  if (field === "string" && typeof value === "string") {
    if (schema.minLength !== undefined && value.length < schema.minLength)
      return `This must have at least ${schema.minLength} characters.`;
    if (schema.maxLength !== undefined && value.length > schema.maxLength)
      return `This may have at most ${schema.maxLength} characters.`;
  }
  return null;
}

/** Return the problems that a server names, by the paths of the form: `list[0].name` is `list.0.name` there. */
export function problemsByPath(errors: readonly { path: string; message: string }[]): Problems {
  return Object.fromEntries(errors.map(({ path, message }) => [path.replace(/\[(\d+)\]/g, ".$1"), message]));
}
