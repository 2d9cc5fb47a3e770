"""deploy/grafana-dashboard.json asks for metrics that exist, by labels that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_metrics_page import PARTS, families

DASHBOARD = json.loads((Path(__file__).resolve().parents[2] / "deploy/grafana-dashboard.json").read_text())
PROCESS = ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds")
LABELS = {each.name + part: {*each.labels, "le"} for each in families() for part in PARTS}
SELECTOR = re.compile(r"(journeyman_\w+|process_\w+)(?:\{([^}]*)\})?")


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    for panel in panels():
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])


@pytest.mark.parametrize(("title", "query"), list(queries()))
def test_a_query_names_what_exists(title: str, query: str) -> None:
    found = SELECTOR.findall(query)
    assert found, title
    grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(",")}
    for name, selected in found:
        assert name in LABELS or name in PROCESS, name
        assert {re.split(r"[!=]", part)[0] for part in selected.split(",") if part} <= LABELS.get(name, set())
        assert grouped <= LABELS.get(name, set())


def test_every_metric_has_its_place_on_the_dashboard_or_is_a_detail() -> None:
    shown = " ".join(query for _, query in queries())
    details = {"build_info", "guard_slots", "guard_retry_budget", "guard_rate_delay_seconds", "breaker_changes"}
    details |= {"runs_lacking", "journal_batches", "journal_batches_refused", "journal_accepts_refused"}
    details |= {"journal_checkpoints", "connections_refused"}
    details |= {f"tool_{name}" for name in ("requested", "error_rate", "average_duration", "p50", "p95")}
    names = {each.name.removeprefix("journeyman_") for each in families()}
    assert {name for name in names if not re.search(rf"journeyman_{name}(?:_total|_bucket|_sum)?\b", shown)} == details


def test_legends_name_labels_of_their_queries() -> None:
    for panel in panels():
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert all(label in target["expr"] or label in ("guard", "key") for label in named), target


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        columns, lines = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in columns for y in lines}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_a_panel_is_named_like_no_other() -> None:
    titles = [panel["title"] for panel in panels()]
    assert len(set(titles)) == len(titles)
