"""What 0.1 stores of an agent's definition: the agents whose stored form is pinned, and how it is read and written.

`AgentFactory(path).create_agent()` and the agent's `spec` and `version` are public; `spec.encode()` is what goes into
the journal, and the version is its hash.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from journeyman import AgentFactory

HERE = Path(__file__).parent
AGENTS = HERE / "agents"
STORED = HERE / "definitions"

# name of the pin -> agent file, and what the environment says beside DEFAULT_MODEL
PINNED: dict[str, tuple[str, Mapping[str, str]]] = {
    "support": ("support/agent.yaml", {}),
    "claims": ("claims/agent.yaml", {}),
    "trip": ("trip/agent.yaml", {}),  # the first project of `journeyman init`
    "nothing": ("policies/nothing.yaml", {}),
    "as_coded": ("policies/as_coded.yaml", {}),
    "overridden": ("policies/overridden.yaml", {}),
    "overridden_by_variables": (
        "policies/overridden.yaml",
        {"UPGRADE_SHOP": "the Fernside Bookshop", "UPGRADE_KEY": "another-key-of-the-shop"},
    ),
    "strict": ("policies/strict.yaml", {}),
    "walk": ("policies/walk.yaml", {}),
    "second_thoughts": ("policies/second_thoughts.yaml", {}),
}
BUILT_IN = ("get_username", "current_time", "calculator")  # their code is the release's own, and changes with it
LIMITS = ("steps", "tool_calls", "seconds", "tokens", "cost_usd", "repeats", "on_reached")  # in their stored order
ELSEWHERE = {"source": "of the release", "code_hash": "of the release"}
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")


@contextmanager
def surroundings(folder: Path, variables: Mapping[str, str]) -> Iterator[Path]:
    """A copy of the agents in `folder`, which is the working directory, under an environment of these alone."""
    shutil.copytree(AGENTS, folder / "agents", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    before, there = dict(os.environ), Path.cwd()
    given = {"DEFAULT_MODEL": "offline", "LITELLM_GATEWAY_URL": "http://127.0.0.1:9", **variables}
    os.environ.clear()
    os.environ.update({key: before[key] for key in _KEPT if key in before} | given)
    os.chdir(folder)
    try:
        yield folder / "agents"
    finally:
        os.chdir(there)
        os.environ.clear()
        os.environ.update(before)


async def stored(name: str, folder: Path) -> tuple[bytes, str]:
    """The definition as the journal would hold it, and its version."""
    place, variables = PINNED[name]
    with surroundings(folder, variables) as agents:
        agent = await AgentFactory(agents / place).create_agent()
        try:
            return agent.spec.encode(), agent.version
        finally:
            await agent.aclose()


def without_our_code(data: bytes) -> bytes:
    """The same without places and hashes of built-in tools: they are of the release's own files."""
    content = json.loads(data)
    for tool in content.get("tools", ()):
        if tool["name"] in BUILT_IN:
            tool.update(ELSEWHERE)
    return compact(content)


def with_later_defaults(data: bytes) -> bytes:
    """The same with the defaults that a later release stores for keys that a file does not set."""
    content = json.loads(data)
    limits = {"tokens": 1_000_000, **content["limits"], "on_reached": {}}
    names = sorted(limits) if "variables" in content else [name for name in LIMITS if name in limits]
    content["limits"] = {name: limits[name] for name in names}
    if output := content.get("output"):
        is_sorted = list(output) == sorted(output)  # it is where values of variables were replaced
        output["mode"] = "auto"
        content["output"] = dict(sorted(output.items())) if is_sorted else output
    return compact(content)


def has_our_code(data: bytes) -> bool:
    return any(tool["name"] in BUILT_IN for tool in json.loads(data).get("tools", ()))


def compact(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def readable(data: bytes) -> str:
    """For a file that people read; `compact(json.loads(…))` of it gives the same bytes again."""
    text = json.dumps(json.loads(data), indent=1, ensure_ascii=False) + "\n"
    assert compact(json.loads(text)) == data
    return text


def pinned(name: str) -> bytes:
    return compact(json.loads((STORED / f"{name}.json").read_text(encoding="utf-8")))


def versions() -> dict[str, str]:
    """Of those that hold no code of the release's own."""
    lines = (STORED / "versions.txt").read_text().splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("#"))
