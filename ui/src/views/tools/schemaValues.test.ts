import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldOf, finished, problemsOf, type Schema, startOf, Unfinished, withoutNull } from "./schemaValues.ts";

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
