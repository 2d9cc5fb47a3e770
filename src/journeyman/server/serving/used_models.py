"""Says which models the agents use and at which gateways, for the ready line. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from journeyman.agent_files.model_entries import needs_gateway
from journeyman.agents.spec import AgentSpec
from journeyman.llm.gateway.address import shown_url

_MOST = 3  # models that are named


def used_models(specs: Iterable[AgentSpec], url_of: Callable[[str], str | None]) -> str:
    """Return the models of these agents and the addresses of their gateways, in words. Empty: there is no agent.

    `url_of` returns the URL of the gateway of this name, or None. User, password and query of a URL are not shown.
    """
    models = tuple(dict.fromkeys(target for spec in specs for target in spec.shown().models()))
    named = [_in_words(name, url_of(gateway) if needs_gateway(name) else None) for gateway, name in models[:_MOST]]
    more = [f"{len(models) - _MOST} more"] if len(models) > _MOST else []
    return ", ".join(named + more)


def _in_words(model: str, url: str | None) -> str:
    return model if url is None else f"{model} at {shown_url(url)}"
