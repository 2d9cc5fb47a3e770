"""The `model:` entries of an agent file, of the agent and of its nodes, and the model used when none is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.agent_files.document import YamlPath
from journeyman.agent_files.file_model import ModelEntry
from journeyman.agent_files.safety import file_inside, file_permissions
from journeyman.agent_files.variables import Expansion
from journeyman.agents.spec import ModelSettings
from journeyman.errors import Problem

OFFLINE = "offline"


def needs_gateway(model: str) -> bool:
    """Return whether the model is not a built-in one: `offline`, `script:FILE` or `replay:RUN`."""
    return model != OFFLINE and not model.startswith(("script:", "replay:"))


def resolve_model(named: str | None, default_model: str | None, gateway_configured: bool, offline: bool) -> str:
    """Return the model to use: the `named` one, else `default_model`, else `offline` if no gateway is configured.

    With `offline` (serve --offline), every model that needs a gateway is replaced by `offline`.

    Raises ValueError with what to do, if no model is named or the gateway it needs is not configured.
    """
    model = named or default_model
    if offline:
        return model if model and not needs_gateway(model) else OFFLINE
    if model is None or not model:
        if gateway_configured:
            raise ValueError("no model is named: write `model: NAME`, or set DEFAULT_MODEL")
        return OFFLINE
    if needs_gateway(model) and not gateway_configured:
        origin = "" if named else " (from DEFAULT_MODEL)"
        raise ValueError(
            f"the model {model}{origin} needs a gateway: set LITELLM_GATEWAY_URL, or start with serve --offline"
        )
    return model


@dataclass(kw_only=True)
class ModelEntries:
    """A resolver of `model:` entries. Problems go to `report`, those of a script's file to `problems`."""

    expansion: Expansion
    report: Callable[[YamlPath, str, str | None], None]  # path, message, remedy
    folder: Path | None
    default_model: str | None
    gateway_configured: bool
    offline: bool
    problems: list[Problem] = field(default_factory=list)

    def settings(self, entry: ModelEntry | None, path: YamlPath) -> ModelSettings:
        """Return the settings of the entry at `path`. None: those of the default model."""
        named = entry.name if entry else None
        name = ""
        try:
            name = resolve_model(named, self.default_model, self.gateway_configured, self.offline)
            self._check_built_in(name)
        except ValueError as exc:
            shown = self._shown((*path, "name"), self._shown(path, named or ""))
            message, _, remedy = str(exc).partition(": ")
            self.report((*path, "name"), message.replace(named, shown) if named else message, remedy or None)
        settings = (entry or ModelEntry(name="offline")).model_dump(exclude={"name", "fallbacks"})
        return ModelSettings(name=name, fallbacks=self._fallbacks(name, entry, path), **settings)

    def _fallbacks(self, model: str, entry: ModelEntry | None, path: YamlPath) -> tuple[str, ...]:
        """Return the fallbacks, which are models of the gateway: a built-in model must not replace one silently."""
        if entry is None or not needs_gateway(model):
            return ()
        for index, name in enumerate(entry.fallbacks):
            fallback: YamlPath = (*path, "fallbacks", index)
            shown = self._shown(fallback, name)
            if not needs_gateway(name):
                self.report(fallback, f"{shown} is no model of the gateway", "name a model of the gateway")
            elif name == model or name in entry.fallbacks[:index]:
                self.report(fallback, f"the model {shown} is named twice", "remove one of the two")
        return tuple(entry.fallbacks)

    def _check_built_in(self, model: str) -> None:
        kind, _, rest = model.partition(":")
        if kind == "replay" and not rest:
            raise ValueError("replay names no run: write replay:RUN")
        if kind == "script" and (self.folder is not None or not rest):
            path = file_inside(self.folder or Path(), rest)
            self.problems += file_permissions(path)

    def _shown(self, path: YamlPath, value: str) -> str:
        """Return the text at `path` as it is in the file, with references and without their values."""
        return self.expansion.written.get(path, value)
