"""What a model call costs where the gateway does not say it: prices by model, the operator's over a small table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import yaml

from journeyman.errors import ConfigurationError
from journeyman.events.messages import Usage

MOST_BYTES = 1 << 20
_MILLION = 1_000_000
_DATED = re.compile(r"-\d{4}-?\d{2}-?\d{2}$")


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars for a million tokens. `cached`: of input that the provider had in its cache; None: as other input."""

    input: float
    output: float
    cached: float | None = None

    def of(self, usage: Usage) -> float:
        """What this usage costs. Cached tokens are part of the input."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        at = self.input if self.cached is None else self.cached
        dollars = (usage.input_tokens - cached) * self.input + cached * at + usage.output_tokens * self.output
        return dollars / _MILLION


# 2026-11-25, as the public price map of LiteLLM 1.110.2 has them. Prices change: PRICES_PATH wins.
KNOWN: Mapping[str, Price] = {
    "claude-haiku-4-5": Price(1.0, 5.0, 0.1),
    "claude-opus-4-6": Price(5.0, 25.0, 0.5),
    "claude-sonnet-4-5": Price(3.0, 15.0, 0.3),
    "claude-sonnet-4-6": Price(3.0, 15.0, 0.3),
    "gemini-2.5-flash": Price(0.3, 2.5, 0.03),
    "gemini-2.5-pro": Price(1.25, 10.0, 0.125),
    "gpt-4.1": Price(2.0, 8.0, 0.5),
    "gpt-4.1-mini": Price(0.4, 1.6, 0.1),
    "gpt-4o": Price(2.5, 10.0, 1.25),
    "gpt-4o-mini": Price(0.15, 0.6, 0.075),
    "gpt-5": Price(1.25, 10.0, 0.125),
    "gpt-5-mini": Price(0.25, 2.0, 0.025),
    "gpt-5-nano": Price(0.05, 0.4, 0.005),
    "gpt-5.1": Price(1.25, 10.0, 0.125),
    "gpt-5.5": Price(5.0, 30.0, 0.5),
}
FREE = Price(0.0, 0.0)
BUILT_IN = ("offline", "script", "replay")  # models that ask nobody


class Prices:
    """Looks prices up: a model's own name first, then without its provider (`openai/…`), then without its date."""

    def __init__(self, given: Mapping[str, Price] | None = None) -> None:
        self._table = {**KNOWN, **(given or {})}
        self._found: dict[str, Price | None] = {}

    def of(self, model: str) -> Price | None:
        """None: nobody said what it costs."""
        if model not in self._found:
            if len(self._found) > 1000:
                self._found.clear()
            self._found[model] = self._look_up(model)
        return self._found[model]

    def priced(self, usage: Usage, *names: str) -> Usage:
        """The usage with its cost, where the gateway did not say it and the price of one of the model's names is known.

        Models that ask nobody cost nothing, and nobody says so.
        """
        if usage.cost_usd is not None:
            return usage
        price = next((price for name in names if (price := self.of(name)) is not None), FREE)
        return usage if price is FREE else msgspec.structs.replace(usage, cost_usd=price.of(usage))

    def _look_up(self, model: str) -> Price | None:
        if model.partition(":")[0] in BUILT_IN:
            return FREE
        bare = model.rpartition("/")[2]
        names = (model, bare, _DATED.sub("", bare))
        return next((self._table[name] for name in names if name in self._table), None)


def read_prices(path: Path | None) -> Prices:
    """The operator's file, YAML or JSON: `model: {input: 0.25, output: 2.0, cached: 0.025}`, dollars a million tokens.

    Raises ConfigurationError.
    """
    if path is None:
        return Prices()
    try:
        data = path.read_bytes()
        if len(data) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES} bytes")
        table = msgspec.convert(yaml.safe_load(data) or {}, dict[str, Price])
        negative = [name for name, price in table.items() if min(price.input, price.output, price.cached or 0.0) < 0]
        if negative:
            raise ValueError(f"a price is 0 or more: {negative[0]}")
    except (OSError, ValueError, yaml.YAMLError) as exc:
        raise ConfigurationError(
            f"PRICES_PATH: {path} cannot be used ({exc}); write `model: {{input: 0.25, output: 2.0}}`, "
            "in dollars for a million tokens"
        ) from exc
    return Prices(table)
