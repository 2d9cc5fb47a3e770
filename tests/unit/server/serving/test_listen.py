"""A server whose address is taken does not start."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from journeyman.cli.exit_codes import CONFIGURATION
from journeyman.server.serving.listen import listen
from journeyman.server.serving.start_signals import StartSignals
from journeyman.settings import Settings


class StartedApp:
    """An application that was started, as far as a server that cannot listen needs it."""

    def __init__(self, port: int) -> None:
        self.settings = Settings.read(env_file=None, port=port, database_url="memory://")
        self.stopped = False

    async def stop(self) -> None:
        self.stopped = True


async def test_a_used_port_is_a_fault_of_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        app: Any = StartedApp(other.getsockname()[1])
        assert await listen(app, StartSignals()) == CONFIGURATION
    assert app.stopped
    assert "Choose another PORT" in capsys.readouterr().err
