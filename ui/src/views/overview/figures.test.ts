import assert from "node:assert/strict";
import { test } from "node:test";
import { chartsOf, largest, type Overview, summed, unbroken } from "./figures.ts";

const overview: Overview = {
  history: {
    since: "2026-12-01T10:00:00Z",
    at: ["2026-12-01T10:00:10Z", "2026-12-01T10:00:20Z"],
    figures: {
      runs_finished: [3, 1],
      runs_failed: [1, 0],
      "lacking_now:gateway": [0, 2],
      "errors:model_timeout": [1, 0],
    },
    seconds: { run: { p50: [null, 0.5], p95: [null, 2] } },
  },
  now: {},
  budgets: null,
};
const charts = Object.fromEntries(chartsOf(overview).map((each) => [each.title, each]));

test("figures that are absent were 0, and those by kind are found by their beginning", () => {
  assert.deepEqual(charts["Runs that ended"]?.series[2], { name: "cancelled", values: [0, 0] });
  assert.deepEqual(charts["Waiting for what is not here"]?.series, [{ name: "gateway", values: [0, 2] }]);
  assert.deepEqual(charts["Errors by code"]?.series, [{ name: "model timeout", values: [1, 0] }]);
  assert.deepEqual(charts["Time of a model call"]?.series, []);
});

test("bars stand on each other, lines do not", () => {
  const ended = charts["Runs that ended"];
  const times = charts["Time of a run"];
  assert.ok(ended && times);
  assert.equal(largest(ended), 4);
  assert.equal(largest(times), 2);
  assert.equal(ended.series[0] && summed("bars", ended.series[0]), 4);
  assert.equal(times.series[1] && summed("lines", times.series[1]), 2);
  assert.equal(summed("lines", { name: "", values: [null] }), null);
});

test("a line is broken where nothing was measured", () => {
  assert.deepEqual(unbroken([[0, 1], null, null, [3, 1], [4, 2]]), [
    [[0, 1]],
    [
      [3, 1],
      [4, 2],
    ],
  ]);
  assert.deepEqual(unbroken([null]), []);
});
