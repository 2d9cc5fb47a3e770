"""What the doctor says of a sandbox and of a Redis that are really asked."""

from __future__ import annotations

from pathlib import Path

from journeyman.cli.doctor import machine, network
from journeyman.settings import Settings
from tests.harness.redis_server import redis_server

KEY = "k" * 43


def settings(**given: object) -> Settings:
    return Settings.read(env_file=None, **given)


def test_the_sandbox_is_said() -> None:
    found = machine.sandbox()
    assert found.state == ("fine" if found.text.startswith("full") else "warning")


def test_redis_answers_or_does_not(tmp_path: Path) -> None:
    assert network.redis(settings()).state == "fine"
    with redis_server(tmp_path) as server:
        assert "answers in" in network.redis(settings(redis_url=server.url)).text
        assert "--network" in network.redis_client(settings(redis_url=server.url)).text
    away = network.redis(settings(redis_url="redis://:a-password@127.0.0.1:1/0"))
    assert (away.state, "a-password" in away.text) == ("warning", False)
