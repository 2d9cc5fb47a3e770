"""Which times in a prompt change within a day."""

from __future__ import annotations

import pytest

from journeyman.agents.prompt_clock import time_within_a_day


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("You are kind.", None),
        ("You know it now.", None),
        ("It is {{ now.strftime('%d %B %Y') }}, a {{ now.strftime('%A') }}, 100 %.", None),
        ("{{ now.date() }} {{ now.year }} {{ now.date().isoformat() }} {{ now.strftime('%Y-%m-%d, 100%%') }}", None),
        ("{% if now.weekday() < 5 %}We are open.{% endif %}", None),
        ("{{ agent.name }}, {{ context.thread.now }}", None),
        ("It is {{ now }}.", 1),
        ("Hello.\nIt is {{ now.strftime('%Y-%m-%d %H:%M') }}.", 2),
        ("{{ now.isoformat() }}", 1),
        ("{{ now | string }}", 1),
        ("{{ now.strftime('%c') }}", 1),
        ("{{ now.strftime(context.thread.form) }}", 1),
        ("{% if now.hour < 12 %}Good morning.{% endif %}", 1),
        ("{{ now.date() }}\n{% set t = now %}\n{{ t }}", 2),
        ("{{ '{:%H:%M}'.format(now) }}", 1),
    ],
)
def test_where_a_prompt_shows_more_than_the_date(text: str, line: int | None) -> None:
    assert time_within_a_day(text) == line
