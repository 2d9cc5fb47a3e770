"""Shows each setting with its default and where its value comes from."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from journeyman.settings import Settings

Origin = Literal["environment", ".env", "file", "program", "default"]


class ShownSetting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. Of a secret, only whether it is set; addresses are without their userinfo.

    `origin`: the environment, `.env`, the `file` that its `…_FILE` names, the `program` or the command line that
    started the server, or its `default`.
    """

    name: str
    value: Any
    default: Any
    origin: Origin
    secret: bool


def shown_settings(settings: Settings) -> list[ShownSetting]:
    """Return every setting by name, with secrets masked."""
    values, secrets = settings.shown(), Settings.secret_names()
    return [
        ShownSetting(
            name=name,
            value=value,
            default=Settings.model_fields[name.lower()].default,
            origin=_origin(settings, name, name in secrets),
            secret=name in secrets,
        )
        for name, value in values.items()
    ]


def _origin(settings: Settings, name: str, secret: bool) -> Origin:
    """Return where the value of a setting comes from; an empty variable counts as unset."""
    if name.lower() not in settings.model_fields_set:
        return "default"
    if name.lower() in settings.given:
        return "program"
    variables = settings.environment
    found = [each for each in variables if each.upper() == name and variables[each]]
    if found:
        return "environment" if any(map(variables.is_of_process, found)) else ".env"
    if secret and getattr(settings, f"{name.lower()}_file") is not None:
        return "file"
    return "program"
