import assert from "node:assert/strict";
import { test } from "node:test";
import { sourceOf } from "./sources.ts";

test("a tool comes from code, from an MCP server or from the document of an API", () => {
  const keys = ["money.py:4", "MCP server notes", "docs/crm.yaml:7", "journeyman"].map(
    (source) => sourceOf({ source }).key,
  );
  assert.deepEqual(keys, ["code", "mcp:notes", "openapi:docs/crm.yaml", "code"]);
});
