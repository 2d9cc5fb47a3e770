from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from journeyman.errors import ServiceError
from journeyman.events.messages import assistant, user
from journeyman.llm.client import ModelClient, ModelReply, ModelRequest
from journeyman.llm.fake.replay import ReplayModel
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.llm.routing import Models


async def ask(models: Models, name: str) -> str:
    reply = await models.call(ModelRequest(model=name, messages=(user("hi"),)))
    return reply.message.text


async def test_a_name_decides(tmp_path: Path):
    script = tmp_path / "s.yaml"
    script.write_text("- text: first\n- text: second\n")

    async def record(run: str) -> ModelClient:
        return ReplayModel([ModelReply(message=assistant(f"recorded {run}"), model="gpt")] * 2)

    models = Models(ScriptedModel([{"text": "gateway"}]), replay=record)
    assert "offline model" in await ask(models, "offline")
    assert await ask(models, "gpt-5-mini") == "gateway"
    assert await ask(models, "replay:run_1") == "recorded run_1"
    both = await asyncio.gather(ask(models, f"script:{script}"), ask(models, f"script:{script}"))
    assert sorted(both) == ["first", "second"]
    assert await ask(models, "replay:run_1") == "recorded run_1"
    await models.aclose()


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("gpt-5-mini", "gateway_not_set", "LITELLM_GATEWAY_URL"),
        ("replay:run_1", "replay_unavailable", "journal"),
        ("script:/nowhere.yaml", "script_unusable", "cannot be read"),
    ],
)
async def test_a_missing_gateway_or_script_is_named(name, code, words):
    with pytest.raises(ServiceError, match=words) as caught:
        await ask(Models(), name)
    assert caught.value.code == code


async def test_the_number_of_open_scripts_is_bounded(tmp_path: Path):
    models = Models()
    for number in range(70):
        path = tmp_path / f"{number}.yaml"
        path.write_text("[{text: a}]")
        await ask(models, f"script:{path}")
    assert await ask(models, f"script:{tmp_path}/0.yaml") == "a"
    with pytest.raises(ServiceError, match="no turn"):
        await ask(models, f"script:{tmp_path}/69.yaml")
