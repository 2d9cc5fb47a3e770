"""What the models of a gateway refuse, learned from its errors. It is kept in memory and forgotten at a reload."""

from __future__ import annotations

import logging

import msgspec

from journeyman.llm.gateway.refused_by_responses import lasting
from journeyman.llm.gateway.wire_choices import USUAL, WireChoices

_MAX_MODELS = 256
_MAX_OPAQUE = 64  # names of opaque fields for each model

log = logging.getLogger(__name__)


class LearnedChoices:
    """The choices that made a refused request succeed, by model, for the 256 models that were learned of last."""

    def __init__(self) -> None:
        self._by_model: dict[str, WireChoices] = {}

    def of(self, model: str) -> WireChoices:
        """Return the choices for requests to this model."""
        return self._by_model.get(model, USUAL)

    def remember(self, model: str, choices: WireChoices) -> None:
        """Add these choices to what is known of the model, and log what is new."""
        known = self.of(model)
        if choices is known or (both := _union(known, lasting(choices))) == known:
            return
        self._by_model.pop(model, None)
        while len(self._by_model) >= _MAX_MODELS:
            del self._by_model[next(iter(self._by_model))]
        self._by_model[model] = both
        log.warning("model %s refuses a part of its requests: %s from now on", model, _difference(known, both))

    def forget(self) -> None:
        """Forget everything that was learned."""
        self._by_model.clear()

    def figures(self) -> dict[str, WireChoices]:
        """Return what is known, by model."""
        return dict(self._by_model)


def _union(one: WireChoices, other: WireChoices) -> WireChoices:
    opaque = sorted(one.without_opaque | other.without_opaque)[:_MAX_OPAQUE]
    return WireChoices(
        dropped=one.dropped | other.dropped,
        max_completion_tokens=one.max_completion_tokens or other.max_completion_tokens,
        without_opaque=frozenset(opaque),
        empty_content=one.empty_content or other.empty_content,
        responses=one.responses or other.responses,
    )


def _difference(known: WireChoices, both: WireChoices) -> str:
    changes = [f"{name} is left out" for name in sorted(both.dropped - known.dropped)]
    changes += [f"the field {name} is not sent back" for name in sorted(both.without_opaque - known.without_opaque)]
    if both.max_completion_tokens and not known.max_completion_tokens:
        changes.append("max_tokens is sent as max_completion_tokens")
    if both.empty_content and not known.empty_content:
        changes.append('missing content is sent as ""')
    if both.responses and not known.responses:
        changes.append("it is called by the Responses API")
    return ", ".join(changes)


def shown(choices: WireChoices) -> dict[str, object]:
    """Return the choices for people, with their names sorted."""
    fields = msgspec.structs.asdict(choices)
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in fields.items()}
