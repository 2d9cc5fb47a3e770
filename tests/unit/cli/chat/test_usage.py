from __future__ import annotations

from journeyman.cli.chat.usage import UsageTotal, usage_line


def test_a_run_counts_once_as_it_was_described_last() -> None:
    total = UsageTotal()
    assert total.line() == "0 runs in this chat: 0 tokens in, 0 out (no price is known)"
    for run_id, tokens, cost in (("a", 1, None), ("a", 1000, 0.25), ("b", 500, None)):
        total.add({"run_id": run_id, "usage": {"input_tokens": tokens, "output_tokens": 2, "cost_usd": cost}})
    assert total.line() == "2 runs in this chat: 1,500 tokens in, 4 out, $0.2500"


def test_a_run_that_is_retried_counts_no_longer() -> None:
    total = UsageTotal()
    total.add({"run_id": "a", "usage": {"input_tokens": 1, "output_tokens": 2, "cost_usd": None}})
    total.drop("a")
    total.drop("b")
    assert total.line().startswith("0 runs")


def test_a_price_is_shown_if_it_is_known() -> None:
    assert usage_line({"input_tokens": 12, "output_tokens": 3, "cost_usd": None}) == "12 tokens in, 3 out"
    assert usage_line({"input_tokens": 12, "output_tokens": 3, "cost_usd": 0.0}) == "12 tokens in, 3 out, $0.0000"
