from __future__ import annotations

from pathlib import Path

from tests.harness.multi_tenant_app import multi_tenant_app


async def test_the_overview_counts_what_runs_did(tmp_path: Path) -> None:
    async with multi_tenant_app(tmp_path, {"ann": "run read"}) as made:
        await made.ask("ann", "POST", "/process", {"user_input": "hello"})
        await made.ask("ann", "POST", "/process", {"user_input": "break it"})
        history = made.application.observers.history
        assert history is not None
        history.sample()
        shown = (await made.ask("ann", "GET", "/overview")).json()
        figures = shown["history"]["figures"]
        assert (figures["runs_finished"], figures["runs_failed"]) == ([1.0], [1.0])
        assert [name for name in figures if name.startswith("errors:")]
        assert figures["model_calls"][0] > 0
        assert shown["history"]["seconds"]["run"]["p95"][0] is not None
        assert shown["now"]["workers_busy_now"] == 0
        assert shown["budgets"] is None
