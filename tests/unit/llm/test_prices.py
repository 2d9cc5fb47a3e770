from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.errors import ConfigurationError
from journeyman.events.messages import Usage
from journeyman.llm.prices import FREE, KNOWN, Price, Prices, read_prices

TOKENS = st.integers(0, 10_000_000)


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("gpt-5-mini", "gpt-5-mini"),
        ("openai/gpt-5-mini", "gpt-5-mini"),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("azure/eu/gpt-5-mini-20250807", "gpt-5-mini"),
        ("house-model", None),
        ("gpt-5-mini-2025", None),
    ],
)
def test_a_price_is_found_by_name(model: str, known: str | None) -> None:
    assert Prices().of(model) == (KNOWN[known] if known else None)


def test_built_in_models_are_free() -> None:
    assert {Prices().of(model) for model in ("offline", "script:turns.yaml", "replay:run_1")} == {FREE}


def test_a_cost_from_the_gateway_is_kept_and_a_missing_one_is_computed() -> None:
    prices = Prices({"mine": Price(2.0, 10.0, 0.5)})
    assert prices.priced(Usage(1_000_000, 100_000, 400_000), "other", "mine").cost_usd == pytest.approx(1.2 + 0.2 + 1.0)
    assert prices.priced(Usage(1000, 1000, cost_usd=0.5), "mine").cost_usd == 0.5
    assert prices.priced(Usage(1000, 1000), "unknown-model").cost_usd is None
    assert prices.priced(Usage(1000, 1000), "offline").cost_usd is None


@given(TOKENS, TOKENS, TOKENS)
def test_cached_tokens_never_cost_more_than_others(given: int, written: int, cached: int) -> None:
    price = Price(2.0, 8.0, 0.5)
    cost = price.of(Usage(given, written, cached))
    assert price.of(Usage(0, written)) <= cost <= price.of(Usage(given, written)) + 1e-9


def test_the_file_overrides_the_table(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("gpt-5-mini: {input: 1.0, output: 2.0}\nhouse-model: {input: 0, output: 0}\n")
    prices = read_prices(file)
    assert prices.of("gpt-5-mini") == Price(1.0, 2.0)
    assert prices.of("house-model") == FREE
    assert prices.of("gpt-5") == KNOWN["gpt-5"]
    assert read_prices(None).of("gpt-5") == KNOWN["gpt-5"]


@pytest.mark.parametrize(
    "text",
    [
        "a: 5",
        "- a",
        "a: {input: x, output: 1}",
        "a: {input: -1, output: 1}",
        "a: {input: 1, output: 1, b: 2}",
        "a: [",
        "\0",
    ],
)
def test_an_invalid_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="PRICES_PATH"):
        read_prices(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        read_prices(tmp_path / "none.yaml")
