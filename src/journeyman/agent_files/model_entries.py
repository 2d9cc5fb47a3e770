"""The `model` entries of an agent file, the agent's own and those of its nodes: which model each means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.agent_files.document import YamlPath
from journeyman.agent_files.file_model import ModelEntry
from journeyman.agent_files.safety import file_permissions, inside
from journeyman.agent_files.variables import Expansion
from journeyman.agents.spec import ModelSettings
from journeyman.errors import Problem

OFFLINE = "offline"
BUILT_IN = ("offline", "script:", "replay:")  # these need no gateway


def needs_gateway(model: str) -> bool:
    return model != OFFLINE and not model.startswith(("script:", "replay:"))


def resolve_model(named: str | None, default_model: str | None, gateway_configured: bool, offline: bool) -> str:
    """The model to use: the agent's own, else `default_model`, else `offline` when there is no gateway.

    `offline` (serve --offline) replaces every model that needs a gateway. Raises ValueError, with a sentence that
    says what to do, when no model is left or the model needs a gateway that is not configured.
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
    """Resolves each entry; what is wrong goes to `report` with its place, or to `problems` for a script's file."""

    expansion: Expansion
    report: Callable[[YamlPath, str, str | None], None]  # a place, a message, a remedy
    folder: Path | None
    default_model: str | None
    gateway_configured: bool
    offline: bool
    problems: list[Problem] = field(default_factory=list)

    def settings(self, entry: ModelEntry | None, path: YamlPath) -> ModelSettings:
        """The settings that the entry at `path` gives; of None, those of the default model."""
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
        """Models of the gateway only: production never falls silently to one that is built in."""
        if entry is None or not needs_gateway(model):
            return ()
        for index, name in enumerate(entry.fallbacks):
            place: YamlPath = (*path, "fallbacks", index)
            shown = self._shown(place, name)
            if not needs_gateway(name):
                self.report(place, f"{shown} is no model of the gateway", "name one that is")
            elif name == model or name in entry.fallbacks[:index]:
                self.report(place, f"the model {shown} is named twice", "remove one of the two")
        return tuple(entry.fallbacks)

    def _check_built_in(self, model: str) -> None:
        kind, _, rest = model.partition(":")
        if kind == "replay" and not rest:
            raise ValueError("replay names no run: write replay:RUN")
        if kind == "script" and (self.folder is not None or not rest):
            path = inside(self.folder or Path(), rest)
            self.problems += file_permissions(path)

    def _shown(self, path: YamlPath, value: str) -> str:
        """A text as the file has it: with its references, without their values."""
        return self.expansion.written.get(path, value)
