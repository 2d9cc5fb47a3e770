"""The body of one setting."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from journeyman.events.messages import JSON


class SettingAnswer(Struct, frozen=True, kw_only=True):
    """One setting. Of a secret, only whether it is set.

    `origin`: the environment, `.env`, the `file` that its `…_FILE` names, the `program` or the command line that
    started the server, or its `default`.
    """

    name: str
    value: JSON
    default: JSON
    origin: Literal["environment", ".env", "file", "program", "default"]
    secret: bool
