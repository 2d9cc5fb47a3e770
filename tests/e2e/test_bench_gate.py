"""The short bench as a gate: what a run and a token cost, against the floor of the same minute."""

from __future__ import annotations

import pytest

from benchmarks.figures import Figure, best, table
from benchmarks.gate import gate


@pytest.mark.alone
@pytest.mark.long
def test_a_run_and_a_token_cost_little_more_than_the_floor() -> None:
    figures = gate()
    print(table(figures))
    gated = [figure for figure in figures if figure.ratio_bound is not None or "first token" in figure.name]
    assert len(gated) >= 3
    missed = [figure.missed for figure in gated if figure.missed]
    assert not missed, "\n".join([*missed, table(figures)])


def test_the_gate_can_say_no() -> None:
    slow = Figure("CPU per run", 2.3, "ms", 1.0, ratio_bound=2.2)
    assert "2.30 times the floor" in slow.missed
    assert Figure("first token", 3.1, "ms", bound=3).missed
    assert not Figure("CPU per run", 2.2, "ms", 1.0, ratio_bound=2.2).missed
    assert "MISSED" in table([slow])


def test_the_best_pass_is_chosen_by_its_ratio_and_keeps_its_own_floor() -> None:
    passes = [[Figure("a", 3.0, "ms", 2.0)], [Figure("a", 2.0, "ms", 1.0)], [Figure("a", 4.0, "ms", 2.5)]]
    assert best(passes) == [Figure("a", 3.0, "ms", 2.0)]
