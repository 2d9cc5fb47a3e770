"""Prices of models, for gateways that do not report the cost of a call: the operator's prices over a built-in table."""

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
    """A model's price in dollars per million tokens.

    `cached` is the price of input tokens that the provider read from its cache; None: the price of other input.
    """

    input: float
    output: float
    cached: float | None = None

    def of(self, usage: Usage) -> float:
        """Return the cost of this usage in dollars. Cached tokens are part of the input tokens."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        cached_price = self.input if self.cached is None else self.cached
        uncached = usage.input_tokens - cached
        return (uncached * self.input + cached * cached_price + usage.output_tokens * self.output) / _MILLION


# As of 2026-11-25, from the public price map of LiteLLM 1.110.2. Prices change: PRICES_PATH overrides them.
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
_BUILT_IN = ("offline", "script", "replay")  # models that make no requests
_CACHE_SIZE = 1000


class Prices:
    """A table of prices. It tries a model's name, then the name without provider (`openai/…`), then without date."""

    def __init__(self, given: Mapping[str, Price] | None = None) -> None:
        self._table = {**KNOWN, **(given or {})}
        self._cache: dict[str, Price | None] = {}

    def of(self, model: str) -> Price | None:
        """Return the price of a model. None: the price is not known."""
        if model not in self._cache:
            if len(self._cache) > _CACHE_SIZE:
                self._cache.clear()
            self._cache[model] = self._look_up(model)
        return self._cache[model]

    def priced(self, usage: Usage, *names: str) -> Usage:
        """Return the usage with its cost, by the first of the model's `names` whose price is known.

        Returns `usage` itself if the gateway reported the cost, no price is known, or the model is built in.
        """
        if usage.cost_usd is not None:
            return usage
        price = next((price for name in names if (price := self.of(name)) is not None), FREE)
        return usage if price is FREE else msgspec.structs.replace(usage, cost_usd=price.of(usage))

    def _look_up(self, model: str) -> Price | None:
        if model.partition(":")[0] in _BUILT_IN:
            return FREE
        bare = model.rpartition("/")[2]
        names = (model, bare, _DATED.sub("", bare))
        return next((self._table[name] for name in names if name in self._table), None)


def read_prices(path: Path | None) -> Prices:
    """Return the built-in prices, overridden by the operator's file if there is one.

    The file is YAML or JSON: `model: {input: 0.25, output: 2.0, cached: 0.025}`, in dollars per million tokens.

    Raises:
        ConfigurationError: The file cannot be read or has an invalid price.
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
            raise ValueError(f"the price of '{negative[0]}' is negative")
    except (OSError, ValueError, yaml.YAMLError) as exc:
        raise ConfigurationError(
            f"The prices in '{path}' (PRICES_PATH) cannot be used: {exc}. Write `model: {{input: 0.25, output: 2.0}}`, "
            "in dollars per million tokens."
        ) from exc
    return Prices(table)
