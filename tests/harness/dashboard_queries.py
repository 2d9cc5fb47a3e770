"""deploy/grafana-dashboard.json as queries, with its variables filled in as Grafana would for all agents."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.prometheus_server import Prometheus, Series

RATE_INTERVAL = "15s"  # longer than a restart under load takes, as the 60 s of a scrape every 15 s are
FILE = Path(__file__).parents[2] / "deploy/grafana-dashboard.json"


@dataclass(frozen=True)
class Query:
    expression: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """`place`: column, row, width and height on a grid of 24 columns."""

    title: str
    kind: str
    unit: str
    place: tuple[int, int, int, int]
    stacked: bool
    logarithmic: bool
    mappings: dict[str, str]
    queries: tuple[Query, ...]


def panels(rate_interval: str = RATE_INTERVAL) -> list[Panel]:
    """Every panel, rows among them (they have no queries)."""
    return [_panel(each, rate_interval) for each in json.loads(FILE.read_text())["panels"]]


def _panel(each: dict[str, Any], rate_interval: str) -> Panel:
    defaults = each.get("fieldConfig", {}).get("defaults", {})
    place = each["gridPos"]
    mappings = {value: shown["text"] for one in defaults.get("mappings", ()) for value, shown in one["options"].items()}
    return Panel(
        each["title"],
        each["type"],
        defaults.get("unit", "short"),
        (place["x"], place["y"], place["w"], place["h"]),
        defaults.get("custom", {}).get("stacking", {}).get("mode") == "normal",
        defaults.get("custom", {}).get("scaleDistribution", {}).get("type") == "log",
        mappings,
        tuple(Query(filled(one["expr"], rate_interval), one["legendFormat"]) for one in each.get("targets", ())),
    )


def filled(expression: str, rate_interval: str) -> str:
    return expression.replace("$__rate_interval", rate_interval).replace("$agent", ".*")


def legend(query: Query, series: Series) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: series.labels.get(found[1], ""), query.legend)


def answers(source: Prometheus, query: Query, start: float, end: float, step: float) -> list[tuple[str, Series]]:
    """What the panel would draw for one query: name and series."""
    return [(legend(query, each), each) for each in source.range(query.expression, start, end, step)]
