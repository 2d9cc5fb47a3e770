"""Traces as the environment asks for them: nothing is imported where it asks for none."""

from __future__ import annotations

from collections.abc import Mapping

from journeyman import __version__
from journeyman.errors import Problem
from journeyman.telemetry.traces import Traces, wanted


def tracing(environ: Mapping[str, str]) -> tuple[Traces | None, tuple[Problem, ...]]:
    """The exporter, and what of the wish cannot be had: warnings, since a server is worth more than its traces."""
    asked = wanted(environ)
    problems = tuple(Problem(text, severity="warning") for text in asked.problems)
    if not asked:
        return None, problems
    try:
        from journeyman.telemetry.otel import Otel  # noqa: PLC0415 - an extra; 0.1 s and 17 MB, only where configured
    except ImportError as exc:
        text = f"OTEL_… asks for traces, but a package is missing ({exc.name}): pip install 'journeyman[otel]'"
        return None, (*problems, Problem(text, severity="warning"))
    return Traces(Otel.over_http(asked, __version__)), problems
