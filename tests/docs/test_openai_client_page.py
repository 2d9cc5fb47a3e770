"""The commands of how-to/use-an-openai-client.md, against a server in the folder that it describes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from tests.docs.test_how_tos import Guide, guide, serving

__all__ = ["guide"]
pytestmark = pytest.mark.long


def test_the_commands_list_the_models_and_get_a_reply(guide: Callable[[str], Guide]) -> None:
    page = guide("use-an-openai-client")
    listing, talk = page.curls
    with serving() as served:
        models, reply = (_run(command, served.url) for command in (listing, talk))
    assert [model["id"] for model in models["data"]] == ["guide"]
    assert reply["choices"][0]["message"]["content"]


def _run(command: str, url: str) -> dict[str, list[dict[str, dict[str, str]]]]:
    here = command.replace("http://127.0.0.1:8000", url.rstrip("/"))
    done = subprocess.run(["sh", "-c", here], capture_output=True, text=True, timeout=60, check=True)
    answer: dict[str, list[dict[str, dict[str, str]]]] = json.loads(done.stdout)
    return answer
