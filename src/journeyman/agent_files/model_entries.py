"""The `model:` entries of an agent file, of the agent and of its nodes, and the model used when none is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.agent_files.document import YamlPath
from journeyman.agent_files.file_model import FallbackEntry, ModelEntry
from journeyman.agent_files.gateway_entries import DEFAULT_GATEWAY, GatewayUse
from journeyman.agent_files.safety import file_inside, file_permissions
from journeyman.agent_files.variables import Expansion
from journeyman.agents.spec import ModelSettings
from journeyman.errors import Problem
from journeyman.llm.client import is_built_in

OFFLINE = "offline"


def needs_gateway(model: str) -> bool:
    """Return whether the model is not a built-in one: `offline`, `script:FILE` or `replay:RUN`."""
    return not is_built_in(model)


def resolve_model(
    named: str | None, default_model: str | None, gateway_configured: bool, offline: bool, openai: bool = False
) -> str:
    """Return the model to use: the `named` one, else `default_model`, else `offline` if no gateway is configured.

    With `offline` (serve --offline), every model that needs a gateway is replaced by `offline`. With `openai`, models
    that are named have the gateway of OPENAI_BASE_URL.

    Raises ValueError with what to do, if no model is named or the gateway it needs is not configured.
    """
    model = named or default_model
    if offline:
        return model if model and not needs_gateway(model) else OFFLINE
    if model is None or not model:
        if gateway_configured:
            raise ValueError("no model is named: write `model: NAME`, or set DEFAULT_MODEL")
        return OFFLINE
    if needs_gateway(model) and not (gateway_configured or openai):
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
    openai_configured: bool
    offline: bool
    problems: list[Problem] = field(default_factory=list)
    gateway_uses: list[GatewayUse] = field(default_factory=list)

    def settings(self, entry: ModelEntry | None, path: YamlPath) -> ModelSettings:
        """Return the settings of the entry at `path`. None: those of the default model."""
        named = entry.name if entry else None
        gateway = self._gateway(entry, path)
        name = ""
        try:
            configured = bool(gateway) or self.gateway_configured
            name = resolve_model(named, self.default_model, configured, self.offline, self.openai_configured)
            self._check_built_in(name)
            self._check_gateway(named, gateway, path)
        except ValueError as exc:
            shown = self._shown((*path, "name"), self._shown(path, named or ""))
            message, _, remedy = str(exc).partition(": ")
            self.report((*path, "name"), message.replace(named, shown) if named else message, remedy or None)
        settings = (entry or ModelEntry(name="offline")).model_dump(exclude={"name", "fallbacks", "gateway", "vision"})
        settings["vision"] = None if entry is None or entry.vision == "auto" else entry.vision
        if entry is None or not needs_gateway(name):
            return ModelSettings(name=name, **settings)
        fallbacks, gateways = self._fallbacks(name, gateway, entry, path)
        return ModelSettings(name=name, gateway=gateway, fallbacks=fallbacks, fallback_gateways=gateways, **settings)

    def _gateway(self, entry: ModelEntry | FallbackEntry | None, path: YamlPath) -> str:
        """Return the name of the entry's gateway, to be checked later. Empty: it is that of the settings."""
        name = entry.gateway if entry else None
        if name is None or name == DEFAULT_GATEWAY:
            return ""
        self.gateway_uses.append(GatewayUse.at((*path, "gateway"), name, self.expansion.document))
        return name

    def _check_gateway(self, named: str | None, gateway: str, path: YamlPath) -> None:
        if gateway and named is not None and not needs_gateway(named):
            self.report((*path, "gateway"), f"{named} is no model of a gateway", "remove `gateway`, or name a model")

    def _fallbacks(
        self, model: str, gateway: str, entry: ModelEntry, path: YamlPath
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the fallbacks and their gateways: a built-in model must not replace one of a gateway silently."""
        found: list[tuple[str, str]] = [(gateway, model)]
        for index, fallback in enumerate(entry.fallbacks):
            at: YamlPath = (*path, "fallbacks", index)
            target = (gateway if fallback.gateway is None else self._gateway(fallback, at), fallback.name)
            self._check_fallback(target, found, at)
            found.append(target)
        gateways, names = zip(*found, strict=True)
        differ = any(each != gateway for each in gateways)
        return names[1:], gateways[1:] if differ else ()

    def _check_fallback(self, target: tuple[str, str], earlier: list[tuple[str, str]], path: YamlPath) -> None:
        gateway, name = target
        shown = self._shown((*path, "name"), self._shown(path, name))
        if not needs_gateway(name):
            self.report(path, f"{shown} is no model of the gateway", "name a model of the gateway")
        elif target in earlier:
            self.report(path, f"the model {shown} is named twice", "remove one of the two")
        elif not (gateway or self.gateway_configured or self.openai_configured or self.offline):
            self.report(path, f"the model {shown} needs a gateway", "set LITELLM_GATEWAY_URL, or write `gateway: NAME`")

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
