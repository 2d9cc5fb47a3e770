"""What tests of agents are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeyman.errors import ConfigurationError
from journeyman.testing import check_agent_test

TEST = """\
agent: agent.yaml
input: hi
model: [{text: Hello.}]
expect: {text: TEXT}
"""


def written(folder: Path, text: str) -> Path:
    (folder / "agent.yaml").write_text("type: react_agent\nmodel: offline\n")
    file = folder / "hello.agent-test.yaml"
    file.write_text(TEST.replace("TEXT", text))
    return file


async def test_an_agent_test_that_holds(tmp_path: Path) -> None:
    await check_agent_test(written(tmp_path, "Hello."))


async def test_one_that_does_not_says_what_differs(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"hello\.agent-test\.yaml"):
        await check_agent_test(written(tmp_path, "Bye."))


async def test_one_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        await check_agent_test(tmp_path / "nothing.agent-test.yaml")
