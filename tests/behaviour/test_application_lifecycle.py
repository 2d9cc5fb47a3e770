"""Whatever fails while an application opens or closes, every part is closed and the journal's lock is free."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from journeyman.server.application import Application
from journeyman.server.composition import build
from journeyman.settings import Settings

OPENS = [
    ("journal", "open"),
    ("authentication", "open"),
    ("mcp", "start"),
    ("scheduler", "recover"),
    ("deadlines", "start"),
    ("observers", "start"),
]
CLOSES = [
    ("journal", "close"),
    ("windows", "aclose"),
    ("reloader", "close_transport"),
    ("cache", "aclose"),
    ("registry", "aclose"),
    ("authentication", "aclose"),
    ("http", "aclose"),
    ("workers", "aclose"),
    ("models", "aclose"),
    ("mcp", "aclose"),
    ("observers", "aclose"),
    ("reloader", "aclose"),
    ("scheduler", "stop"),
    ("deadlines", "aclose"),
]
OF_RUNTIME = ("scheduler", "deadlines")
BUILT = CLOSES[:10]  # closed even if nothing was opened


class PartFailedError(Exception):
    pass


class Recorded:
    """A part whose calls are noted by name; the call named `fails` raises after the part has done its work."""

    def __init__(self, name: str, part: Any, calls: list[tuple[str, str]], fails: str | None) -> None:
        self._recorded = (name, part, calls, fails)

    def __getattr__(self, method: str) -> Any:
        name, part, calls, fails = self._recorded
        value = getattr(part, method)
        if (name, method) not in OPENS + CLOSES:
            return value

        def called(*arguments: Any) -> Any:
            calls.append((name, method))
            done = value(*arguments)
            if method != fails:
                return done
            if done is None:
                raise PartFailedError(name)
            return self._failing(done, name)

        return called

    async def _failing(self, work: Any, name: str) -> None:
        await work
        raise PartFailedError(name)


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: a\nprompt: Hi.\nmodel: offline\n")
    return tmp_path / "agent.yaml"


async def built(agents: Path) -> Application:
    key = "jm_0123456789ab_" + "0" * 64
    url = f"sqlite:///{agents.parent / 'journal.db'}"
    return await build(
        Settings.read(database_url=url, auth_mode="required", api_key=key, rate_limit_enabled=True), agents
    )


def recorded(
    application: Application, calls: list[tuple[str, str]], fails: tuple[str, str] | None = None
) -> Application:
    """The application with every part that opens or closes in a `Recorded`."""
    names = {name for name, _ in OPENS + CLOSES}

    def wrapped(owner: Any, name: str) -> Any:
        method = fails[1] if fails is not None and fails[0] == name else None
        return Recorded(name, getattr(owner, name), calls, method)

    runtime = dataclasses.replace(
        application.runtime, **{name: wrapped(application.runtime, name) for name in OF_RUNTIME}
    )
    own = {name: wrapped(application, name) for name in names if name not in OF_RUNTIME}
    return dataclasses.replace(application, runtime=runtime, **own)


async def opens_again(agents: Path) -> bool:
    async with await built(agents) as application:
        return application.journal.healthy


async def test_every_part_is_opened_and_closed_once_and_the_journal_last(agents: Path) -> None:
    calls: list[tuple[str, str]] = []
    async with recorded(await built(agents), calls):
        assert calls == OPENS
        calls.clear()
    assert sorted(calls) == sorted(CLOSES)
    assert calls[-1] == ("journal", "close")


@pytest.mark.parametrize("fails", OPENS, ids=".".join)
async def test_an_open_that_fails_closes_all_that_was_opened(agents: Path, fails: tuple[str, str]) -> None:
    calls: list[tuple[str, str]] = []
    application = recorded(await built(agents), calls, fails)
    with pytest.raises(PartFailedError):
        await application.__aenter__()
    closed = {call for call in calls if call in CLOSES}
    opened = {name for name, method in calls if (name, method) in OPENS}
    assert set(BUILT) <= closed
    assert opened <= {name for name, _ in closed}
    assert calls[-1] == ("journal", "close")
    assert await opens_again(agents)


@pytest.mark.parametrize("fails", CLOSES, ids=".".join)
async def test_a_close_that_fails_keeps_no_other_part_open(agents: Path, fails: tuple[str, str]) -> None:
    calls: list[tuple[str, str]] = []
    application = recorded(await built(agents), calls, fails)
    await application.__aenter__()
    with pytest.raises(PartFailedError):
        await application.aclose()
    assert sorted(call for call in calls if call in CLOSES) == sorted(CLOSES)
    assert await opens_again(agents)


async def test_an_application_that_was_never_opened_is_closed_too(agents: Path) -> None:
    calls: list[tuple[str, str]] = []
    await recorded(await built(agents), calls).aclose()
    assert sorted(calls) == sorted(BUILT)


async def test_closing_twice_closes_once(agents: Path) -> None:
    calls: list[tuple[str, str]] = []
    application = recorded(await built(agents), calls)
    await application.__aenter__()
    await application.aclose()
    calls.clear()
    await application.aclose()
    assert calls == []
