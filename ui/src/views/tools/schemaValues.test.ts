import assert from "node:assert/strict";
import { test } from "node:test";
import {
  fieldOf,
  finished,
  inlined,
  problemsByPath,
  problemsOf,
  type Schema,
  startOf,
  Unfinished,
  withoutNull,
} from "./schemaValues.ts";

const schema: Schema = {
  type: "object",
  required: ["name", "size"],
  properties: {
    name: { type: "string", minLength: 2 },
    size: { type: "integer", minimum: 1, maximum: 9 },
    note: { anyOf: [{ type: "string" }, { type: "null" }], default: null },
    tags: { type: "array", items: { type: "string" }, maxItems: 2 },
    inner: { type: "object", required: ["x"], properties: { x: { type: "number" } } },
  },
};

test("a form begins with the defaults", () => {
  assert.deepEqual(startOf(schema), { note: null });
});

test("what is missing, too small, too long or of another kind is said beside its field", () => {
  const values = { size: 0, tags: ["a", "b", "c"], inner: {} };
  assert.deepEqual(Object.keys(problemsOf(schema, values)).sort(), ["inner.x", "name", "size", "tags"]);
  assert.deepEqual(problemsOf(schema, { name: "ab", size: 2, note: null }), {});
  assert.match(problemsOf(schema, { name: "ab", size: new Unfinished("2x") }).size ?? "", /whole number/);
  assert.match(problemsOf(schema, { name: "ab", size: 2.5 }).size ?? "", /whole number/);
});

test("a number that was written with zeros at its end is a number", () => {
  assert.deepEqual(finished({ a: new Unfinished("1.50"), b: [new Unfinished("-")] }), {
    a: 1.5,
    b: [new Unfinished("-")],
  });
});

test("what the form does not know is asked for as JSON", () => {
  assert.equal(fieldOf({ type: ["string", "integer"] }), "json");
  assert.equal(fieldOf({ $ref: "#/x" }), "json");
  assert.equal(fieldOf({ type: "object" }), "json");
  assert.deepEqual(withoutNull({ type: ["string", "null"] }).nullable, true);
});

const journey: Schema = {
  type: "object",
  required: ["stops"],
  properties: {
    stops: { type: "array", items: { $ref: "#/$defs/Stop" } },
    first: { anyOf: [{ $ref: "#/$defs/Stop" }, { type: "null" }], default: null },
    after: { $ref: "#/$defs/Stop", description: "After it" },
    unknown: { $ref: "#/elsewhere" },
  },
  $defs: {
    Stop: {
      type: "object",
      required: ["city"],
      properties: { city: { type: "string" }, nights: { type: "integer", default: 1 }, next: { $ref: "#/$defs/Stop" } },
    },
  },
};

test("a reference is asked for as what it means, and one without end as JSON", () => {
  const { properties = {} } = inlined(journey);
  assert.equal(fieldOf(properties.stops?.items ?? {}), "object");
  assert.equal(fieldOf(withoutNull(properties.first ?? {}).schema), "object");
  assert.equal(properties.after?.description, "After it");
  assert.equal(fieldOf(properties.unknown ?? {}), "json");
  let at: Schema | undefined = properties.after;
  let depth = 0;
  for (; at?.properties; depth += 1) at = at.properties.next;
  assert.ok(depth >= 2 && depth < 10 && at?.$ref, `${depth}`);
});

test("what may be left out is left out, with the defaults within it", () => {
  assert.deepEqual(startOf(inlined(journey)), { first: null });
  assert.deepEqual(startOf(inlined({ ...journey, required: ["after"] })), { first: null, after: { nights: 1 } });
});

test("one allowed value and bounds that are excluded", () => {
  assert.equal(fieldOf({ const: "a" }), "choice");
  const size: Schema = { type: "object", properties: { x: { type: "number", exclusiveMinimum: 0 } } };
  assert.deepEqual(problemsOf(size, { x: 0 }), { x: "This must be more than 0." });
});

test("problems of the server stand beside their fields", () => {
  assert.deepEqual(problemsByPath([{ path: "stops[0].city", message: "no" }]), { "stops.0.city": "no" });
});
