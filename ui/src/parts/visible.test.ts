import assert from "node:assert/strict";
import { test } from "node:test";
import { editableJson, visible } from "./visible.ts";

test("characters that nobody sees, or that turn text around, are written as escapes", () => {
  assert.equal(visible("a\u202eb\u200bc\u{e0041}d\u001b[31m"), "a\\u{202e}b\\u{200b}c\\u{e0041}d␛[31m");
});

test("other text stays as it is", () => {
  const text = "tab\tline\nÄ 漢字 👩 <b>&amp;";
  assert.equal(visible(text), text);
});

test("JSON that is edited shows its hidden characters and keeps its meaning", () => {
  const value = { "k\u200b": "gnp\u202eexe \u{e0041}\u007f", plain: "Ä\n👩", list: [1, null] };
  const text = editableJson(value);
  assert.ok(text.includes("gnp\\u202eexe \\udb40\\udc41\\u007f"), text);
  assert.ok(text.includes("👩"));
  assert.deepEqual(JSON.parse(text), value);
});
