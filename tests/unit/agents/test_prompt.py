from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from journeyman.agents.prompt import MAX_CHARACTERS, Prompt, PromptError


def render(text: str, thread: dict[str, Any] | None = None, **global_: Any) -> str:
    agent = {"name": "support", "model": "offline"}
    return Prompt(text).render(agent=agent, thread=thread or {}, global_=global_, now=1_700_000_000_123_456)


def test_a_template_sees_context_agent_and_now() -> None:
    text = "{{ agent.name }} {{ context.thread.name }} {{ context.global.tier }} {{ now }} {{ now.year }}"
    assert render(text, {"name": "Ada"}, tier="gold") == "support Ada gold 2023-11-14 22:13:20+00:00 2023"


def test_default_serves_where_the_context_has_no_such_name() -> None:
    text = 'You help {{ context.thread.name | default("the customer") }}.\n'
    assert render(text) == "You help the customer.\n"
    assert render(text, {"name": "Ada"}) == "You help Ada.\n"


def test_keys_come_before_the_methods_of_a_mapping() -> None:
    assert render("{{ context.thread['items'] }} {{ context.thread.items }}", {"items": 3}) == "3 3"
    assert render("{% for k, v in context.thread.items() %}{{ k }}{{ v }}{% endfor %}", {"a": 1}) == "a1"


def test_values_are_not_escaped_and_never_templates() -> None:
    assert render("{{ context.thread.name }}", {"name": "<b>{{ 7 * 7 }}"}) == "<b>{{ 7 * 7 }}"


def test_text_without_markup_stays_as_it_is() -> None:
    text = "Answer as JSON: {'a': {1}} % # \n\n"
    assert render(text) == text


def test_text_without_markup_never_loads_jinja() -> None:
    program = (
        "import sys; from journeyman.agents.prompt import Prompt;"
        "Prompt('x').render(agent={}, thread={}, global_={}, now=0); assert 'jinja2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a\n{{ context.thread.name", "not a Jinja2 template", 2),
        ("a\n\n{% if %}", "not a Jinja2 template", 3),
        ("a\n{{ nope }}", "the unknown name 'nope'; it sees agent, context, now", 2),
        ("a\n{{ user | default('x') }}", "context.thread.user", 2),
        ("{% include 'secret.txt' %}", "may not include", None),
        ("{{ context.thread | random }}", "No filter named 'random'", 1),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nests too deeply", None),
        ("{{ now" + "|upper" * 300 + " }}", "nests too deeply", 1),
        ("{{ " + "+".join(["now"] * 200) + " }}", "nests too deeply", 1),
        ("{% for x in now %}" * 25 + "{% endfor %}" * 25, "nests too deeply", None),
        ("{% if now %}" + "{% elif now %}" * 6000 + "{% endif %}", "more than 5000 parts", 1),
    ],
)
def test_what_is_refused_at_load(text: str, message: str, line: int | None) -> None:
    with pytest.raises(PromptError) as caught:
        Prompt(text)
    assert message in caught.value.message
    assert caught.value.line == line


@pytest.mark.parametrize(
    "text",
    [
        "{{ context.thread.name }}",
        "{{ context.thread.name.first | default('x') }}",
        "{{ context.__class__.__mro__ }}",
        "{{ context.thread.update({'a': 1}) }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 9 ** 9999 }}",
        "{{ 1 / 0 }}",
        "{% for i in range(99999999) %}x{% endfor %}",
        "{% for i in range(90000) %}xxxx{% endfor %}",
        "{{ agent.name + 1 }}",
    ],
)
def test_what_cannot_be_rendered_is_a_prompt_error(text: str) -> None:
    with pytest.raises(PromptError) as caught:
        render(text)
    assert caught.value.code == "prompt_error"


def test_a_long_prompt_within_the_bound_is_fine() -> None:
    assert len(render("{{ context.thread.text }}", {"text": "x" * MAX_CHARACTERS})) == MAX_CHARACTERS
