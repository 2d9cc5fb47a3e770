import { root } from "../../shell/server";

/** An OpenAPI document, as far as the reference reads it. */
export interface Document {
  info: { title: string; version: string; description: string };
  paths: Record<string, Record<string, OperationObject>>;
  components: { schemas: Record<string, SchemaObject> };
}

interface OperationObject {
  operationId: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema?: SchemaObject }> };
  responses: Record<string, { description: string; content?: Record<string, { schema?: SchemaObject }> }>;
  security?: Record<string, string[]>[];
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: SchemaObject;
}

export interface SchemaObject {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, SchemaObject>;
  required?: string[];
  items?: SchemaObject;
  anyOf?: SchemaObject[];
  oneOf?: SchemaObject[];
  allOf?: SchemaObject[];
  enum?: unknown[];
  default?: unknown;
  format?: string;
  minimum?: number;
}

export interface Operation extends OperationObject {
  method: string;
  path: string;
}

/** The operations in the order in which they are used: what begins with one of these stands in its group. */
const GROUPS: [string, string[]][] = [
  ["Talk to an agent", ["/process", "/v1"]],
  ["Runs", ["/runs"]],
  ["Approvals", ["/approvals"]],
  ["Threads", ["/threads"]],
  ["Agents", ["/agents", "/reload"]],
  ["Tools", ["/tools", "/execute_tool"]],
  ["Files", ["/files"]],
  ["Context", ["/context"]],
  ["Errors", ["/errors"]],
  ["Keys and callers", ["/whoami", "/keys", "/page-sessions"]],
  ["Operating", ["/livez", "/readyz", "/metrics", "/overview", "/settings", "/doctor", "/debug", "/retention"]],
];
const METHODS = ["post", "get", "patch", "put", "delete"];

export async function readDocument(): Promise<Document> {
  return (await fetch(`${root}/openapi.json`)).json() as Promise<Document>;
}

/** Return the operations in their groups, those of no group last. */
export function grouped(document: Document): { name: string; operations: Operation[] }[] {
  const groups = [...GROUPS, ["Others", [""]] as [string, string[]]].map(([name]) => ({
    name,
    operations: [] as Operation[],
  }));
  for (const [path, methods] of Object.entries(document.paths)) {
    const place = GROUPS.findIndex(([, begins]) =>
      begins.some((each) => path === each || path.startsWith(`${each}/`) || path.startsWith(`${each}{`)),
    );
    const group = groups[place < 0 ? GROUPS.length : place];
    for (const method of METHODS)
      if (methods[method]) group?.operations.push({ ...methods[method], method: method.toUpperCase(), path });
  }
  return groups.filter((each) => each.operations.length > 0);
}

/** Return the schema behind references. */
export function resolved(document: Document, schema: SchemaObject | undefined): SchemaObject {
  const name = schema?.$ref?.split("/").pop();
  if (name) return resolved(document, document.components.schemas[name]);
  return schema ?? {};
}

/** Return a short name of a schema's type. */
export function typeOf(document: Document, schema: SchemaObject | undefined): string {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop() ?? "";
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map((each) => typeOf(document, each)).join(" | ");
  if (schema.type === "array") return `${typeOf(document, schema.items) || "any"}[]`;
  return Array.isArray(schema.type) ? schema.type.join(" | ") : (schema.type ?? "any");
}

const EXAMPLES: Record<string, unknown> = {
  user_input: "What is 6 times 7?",
  tool_name: "calculator",
  content: "Hello",
  title: "Orders",
  name: "my-key",
  scopes: ["read"],
};
const DEEPEST = 4;

/** Return an example body: what is required, and what is most useful beside it. */
export function exampleOf(document: Document, schema: SchemaObject | undefined, name = "", depth = 0): unknown {
  const found = resolved(document, schema);
  if (name in EXAMPLES && depth > 0) return EXAMPLES[name];
  if (found.enum) return found.enum[0];
  const choices = found.anyOf ?? found.oneOf;
  if (choices) return exampleOf(document, choices[0], name, depth);
  const type = Array.isArray(found.type) ? found.type[0] : found.type;
  if (type === "object" || found.properties) return objectOf(document, found, depth);
  if (type === "array") return depth > DEEPEST ? [] : [exampleOf(document, found.items, name, depth + 1)];
  if (type === "string") return "";
  if (type === "integer" || type === "number") return Math.max(found.minimum ?? 0, 1);
  return type === "boolean" ? false : null;
}

function objectOf(document: Document, schema: SchemaObject, depth: number): Record<string, unknown> {
  if (depth > DEEPEST) return {};
  const wanted = Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name));
  return Object.fromEntries(wanted.map(([name, each]) => [name, exampleOf(document, each, name, depth + 1)]));
}
