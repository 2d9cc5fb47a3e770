"""A scenario, and the same scenario with kill -9 at each commit in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tests.harness.server_environment import ServerEnvironment, server_environment
from tests.harness.strace import busiest, killing, required

Scenario = Callable[[ServerEnvironment, str], Awaitable[None]]


async def plain(folder: Path, scenario: Scenario, agents: Mapping[str, str] | None = None) -> None:
    """The scenario as it is."""
    async with server_environment(folder, agents=agents) as env:
        await scenario(env, "plain")


async def at_commits(
    folder: Path, scenario: Scenario, most: int | None, agents: Mapping[str, str] | None = None
) -> None:
    """Once to count its commits (fdatasync calls of the writer), then once for each with a kill at it.

    The kill comes when the commit's pages are written and before they are synced: a caller that waits for it gets no
    answer, and the next start finds it. `most` bounds the number of kills, spread evenly; None: every commit.
    """
    required()
    async with server_environment(folder, agents=agents) as env:
        await scenario(env, "warm")
        await env.tracer.attach(env.server.pid, ["-f", "-e", "trace=fdatasync"])
        await scenario(env, "count")
        await env.tracer.detach()
        commits = busiest(env.tracer.log, ("fdatasync",))["fdatasync"]
        assert commits >= 2, f"only {commits} commits were seen: nothing to kill at"
        chosen = list(range(1, commits + 1))
        if most is not None and commits > most:
            chosen = [1 + (2 * place + 1) * commits // (2 * most) for place in range(most)]
        hits = 0
        for number in chosen:
            before = env.server.starts
            await env.tracer.attach(env.server.pid, killing("fdatasync", number))
            try:
                await scenario(env, f"commit-{number}")
            except Exception as exc:
                exc.add_note(
                    f"killed at commit {number} of {commits}; the server was started {env.server.starts} times"
                )
                raise
            hits += env.server.starts > before
            if env.server.alive:
                await env.tracer.detach()
        print(f"{hits} kills at commits {chosen} of {commits}")
        assert hits >= 0.7 * len(chosen), f"only {hits} of {len(chosen)} kills struck"
