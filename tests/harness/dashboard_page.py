"""The dashboard drawn without Grafana: `make dashboard`.

A server under load, a Prometheus that scrapes it, and one HTML page with every panel of deploy/grafana-dashboard.json
in its place and its unit. It shows what the queries answer; how Grafana would paint it is Grafana's.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.harness.dashboard_queries import Panel, answers, panels
from tests.harness.mixed_load import busy, mixed_load
from tests.harness.prometheus_server import Points, Prometheus, prometheus

COLUMN, ROW = 66, 34  # pixels of a grid cell
COLOURS = ("#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#e02f44", "#b877d9", "#37872d", "#8ab8ff", "#fade2a", "#c4162a")
STYLE = """
body{background:#111217;color:#ccccdc;font:12px system-ui,sans-serif;margin:8px;position:relative}
.p{position:absolute;background:#181b1f;border:1px solid #2c3035;box-sizing:border-box;padding:6px;overflow:hidden}
.row{background:none;border:none;font-weight:600;font-size:14px}.t{font-weight:600;margin-bottom:2px}
.big{font-size:28px;text-align:center;color:#73bf69}.l{display:inline-block;margin-right:9px;white-space:nowrap}
.l i{display:inline-block;width:12px;height:3px;margin-right:4px;vertical-align:middle}.none{color:#e02f44}
svg text{fill:#8e8e9c;font-size:10px}
"""
Drawn = list[tuple[str, Points]]


def shown(value: float, unit: str) -> str:
    """A value as Grafana writes it, about."""
    if math.isnan(value):
        return "-"
    if unit == "s":
        return f"{value * 1e6:.0f} µs" if value < 1e-3 else f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"
    if unit == "bytes":
        return f"{value / 2**20:.3g} MiB"
    if unit == "currencyUSD":
        return f"${value:.2g}" if value < 1 else f"${value:.2f}"
    if unit == "percentunit":
        return f"{100 * value:.3g}%"
    if value >= 1000 and unit == "short":
        return f"{value / 1000:.3g} K"
    return f"{value:.3g}{ {'ops': ' ops/s', 'reqps': ' req/s', 'cps': ' c/s'}.get(unit, '') }"


def page(all_panels: Sequence[Panel], drawn: dict[str, Drawn], span: tuple[float, float]) -> str:
    """The whole dashboard as HTML."""
    tall = _rows(all_panels) * ROW + 20
    parts = [_panel(panel, drawn.get(panel.title, []), span) for panel in all_panels]
    head = f"<!doctype html><meta charset=utf-8><title>Journeyman</title><style>{STYLE}body{{height:{tall}px}}</style>"
    return head + "\n".join(parts)


def _rows(all_panels: Sequence[Panel]) -> int:
    return max(panel.place[1] + panel.place[3] for panel in all_panels)


def _panel(panel: Panel, lines: Drawn, span: tuple[float, float]) -> str:
    column, row, width, height = panel.place
    place = f"left:{column * COLUMN}px;top:{row * ROW}px;width:{width * COLUMN - 6}px;height:{height * ROW - 6}px"
    kind = "p row" if panel.kind == "row" else "p"
    content = "" if panel.kind == "row" else _content(panel, lines, span)
    return f'<div class="{kind}" style="{place}"><div class=t>{html.escape(panel.title)}</div>{content}</div>'


def _content(panel: Panel, lines: Drawn, span: tuple[float, float]) -> str:
    if not lines:
        return "<div class='big none'>No data</div>"
    if panel.kind == "stat":
        last = [value for _, value in lines[0][1] if not math.isnan(value)]
        value = last[-1] if last else math.nan
        return f"<div class=big>{panel.mappings.get(f'{value:g}') or shown(value, panel.unit)}</div>"
    return _bars(panel, lines, span) if panel.kind == "state-timeline" else _lines(panel, lines, span)


def _lines(panel: Panel, lines: Drawn, span: tuple[float, float]) -> str:
    width, height, left = panel.place[2] * COLUMN - 24, panel.place[3] * ROW - 90, 58
    if panel.stacked:
        lines = _stacked(lines)
    if panel.logarithmic:
        lines = [(name, [(at, math.log10(max(1.0, value))) for at, value in points]) for name, points in lines]
    top = max((value for _, points in lines for _, value in points if not math.isnan(value)), default=0.0) or 1.0
    marks = ""
    for part in (0.0, 0.5, 1.0):
        said = shown(10 ** (top * part) if panel.logarithmic else top * part, panel.unit)
        y = height * (1 - part) + 6
        marks += f'<text x="{left - 4}" y="{y + 4:.0f}" text-anchor="end">{said}</text>'
        marks += f'<path d="M{left} {y:.0f}H{width}" stroke="#2c3035"/>'
    paths = []
    for place, (_, points) in enumerate(lines):
        spots = [_spot(at, value, span, top, width, height, left) for at, value in points if not math.isnan(value)]
        colour = COLOURS[place % len(COLOURS)]
        paths.append(f'<path d="M{" L".join(spots)}" fill="none" stroke="{colour}"/>' if spots else "")
    return f'<svg width="{width}" height="{height + 14}">{marks}{"".join(paths)}</svg>{_legends(lines)}'


def _spot(at: float, value: float, span: tuple[float, float], top: float, width: int, height: int, left: int) -> str:
    across = left + (width - left) * (at - span[0]) / (span[1] - span[0])
    return f"{across:.1f} {height * (1 - value / top) + 6:.1f}"


def _stacked(lines: Drawn) -> Drawn:
    sums: dict[float, float] = {}
    stacked = []
    for name, points in lines:
        for at, value in points:
            sums[at] = sums.get(at, 0.0) + (0.0 if math.isnan(value) else value)
        stacked.append((name, [(at, sums[at]) for at, _ in points]))
    return stacked


def _bars(panel: Panel, lines: Drawn, span: tuple[float, float]) -> str:
    """One bar for each series, coloured by its state."""
    width, out = panel.place[2] * COLUMN - 24, []
    for place, (name, points) in enumerate(lines):
        out.append(f'<text x="0" y="{place * 22 + 15}">{html.escape(name)}</text>')
        step = width / max(1, span[1] - span[0])
        for at, value in points:
            colour = {0: "#37872d", 1: "#f2cc0c"}.get(int(value), "#e02f44")
            x = (at - span[0]) * step * 0.7 + width * 0.3
            out.append(f'<rect x="{x:.1f}" y="{place * 22 + 4}" width="{step:.1f}" height="16" fill="{colour}"/>')
    states = ", ".join(f"{value}: {text}" for value, text in panel.mappings.items())
    return f'<svg width="{width}" height="{len(lines) * 22 + 4}">{"".join(out)}</svg><div>{html.escape(states)}</div>'


def _legends(lines: Drawn) -> str:
    return "".join(
        f'<span class=l><i style="background:{COLOURS[place % len(COLOURS)]}"></i>{html.escape(name)}</span>'
        for place, (name, _) in enumerate(lines)
    )


def asked(source: Prometheus, all_panels: Sequence[Panel], span: tuple[float, float], step: float) -> dict[str, Drawn]:
    """What each panel draws."""
    return {
        panel.title: [
            (name, series.points) for query in panel.queries for name, series in answers(source, query, *span, step)
        ]
        for panel in all_panels
    }


async def draw(file: Path, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="journeyman-dashboard-") as name:
        folder = Path(name)
        async with mixed_load(folder) as made:
            with prometheus(folder, f"127.0.0.1:{made.server.port}", folder / "metrics-key") as source:
                begun = time.time()
                await busy(made, seconds)
                span, every = (begun, time.time()), panels()
                file.write_text(page(every, asked(source, every, span, 1), span))


def photograph(file: Path) -> Path | None:
    """The page as PNG beside it, where a Chromium is installed."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return None
    image = file.with_suffix(".png")
    size = f"--window-size={24 * COLUMN + 16},{_rows(panels()) * ROW + 30}"
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu", size]
    command = [browser, *options, f"--screenshot={image}", file.resolve().as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return image


def main() -> None:
    parser = argparse.ArgumentParser(prog="make dashboard", description=__doc__)
    parser.add_argument("file", type=Path, help="the HTML page to write")
    parser.add_argument("--seconds", type=float, default=90.0, help="how long the load goes on")
    given = parser.parse_args()
    given.file.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(draw(given.file, given.seconds))
    image = photograph(given.file)
    print(f"written: {given.file}" + (f" and {image}" if image else "; no Chromium is there to take a picture of it"))


if __name__ == "__main__":
    main()
