import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyOf, type KeyForm } from "./scopes.ts";

const form: KeyForm = {
  name: " ci ",
  principal: "",
  scopes: ["read"],
  lifetime: 3600,
  rate: "",
  tokens: "",
  usd: "",
  runs: "",
};
const unlimited = { tokens_per_day: null, usd_per_day: null, concurrent_runs: null };

test("a key has what its form says, and what is empty is left to the server", () => {
  assert.deepEqual(bodyOf(form), { name: "ci", scopes: ["read"], expires_in_seconds: 3600, quota: unlimited });
  const limited = bodyOf({ ...form, lifetime: 0, principal: "p", rate: "10/second", tokens: "5", usd: "0.5" });
  assert.deepEqual(limited, {
    name: "ci",
    scopes: ["read"],
    principal: "p",
    rate: "10/second",
    quota: { ...unlimited, tokens_per_day: 5, usd_per_day: 0.5 },
  });
});

test("a form that cannot be sent says why", () => {
  assert.equal(bodyOf({ ...form, name: " " }), "Give the key a name.");
  assert.equal(bodyOf({ ...form, scopes: [] }), "Choose at least one scope.");
  assert.equal(bodyOf({ ...form, tokens: "many" }), "The limits of a quota are numbers, or empty.");
});
