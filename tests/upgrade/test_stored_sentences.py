"""No sentence that 0.1 stored, or said to a model, was reworded: each stands in the code, wherever that is now."""

from __future__ import annotations

import ast
from pathlib import Path

import journeyman
from journeyman import AgentFactory
from journeyman.testing import MemoryJournal, ScriptedModel
from tests.upgrade.sentences import key, keys, literals, read, written

FILE = Path(__file__).parent / "stored_sentences.txt"
SOURCE = Path(journeyman.__file__).parent


def test_every_stored_sentence_is_in_the_code() -> None:
    there = keys(SOURCE)
    gone = [written(sentence) for sentence in read(FILE) if key(sentence) not in there]
    assert gone == [], f"these are data in journals and in what models read, and were reworded or lost: {gone}"


def test_the_list_is_long_and_names_none_twice() -> None:
    sentences = read(FILE)
    assert len(sentences) > 340
    assert len({key(sentence) for sentence in sentences}) == len(sentences)


def test_a_changed_word_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text('"""Doc."""\nx = f"May {call.tool!r} run {{with}} these {n:g} arguments?\\n"\n')
    there = keys(tmp_path)
    assert key("May {tool!r} run {{with}} these {count:g} arguments?\n") in there
    for other in (
        "May {tool} run {{with}} these {count:g} arguments?\n",
        "May {tool!r} run {{with}} these {count} arguments?\n",
        "May {tool!r} run {{with}} those {count:g} arguments?\n",
        "Doc.",
    ):
        assert key(other) not in there


def test_sentences_are_written_as_they_are_read(tmp_path: Path) -> None:
    text = "a\n\tb \\ {{c}} {d:g}"
    (tmp_path / "list.txt").write_text(f"# A comment.\n\n{written(text)}\n")
    assert read(tmp_path / "list.txt") == [text]
    [(_, found)] = literals(ast.parse("f'a {b!r} {{c}} {d:>{w}}'"))
    assert found == "a {b!r} {{c}} {d:>*}"


LOOK = """
from journeyman import tool


@tool(effects="none")
async def look(text: str) -> str:
    '''Look.'''
    raise LookupError("nothing called " + text)
"""


async def test_what_a_model_reads_of_its_calls(tmp_path: Path) -> None:
    """The whole message as it was in 0.1. More of them stand in what the old journal shows."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "look.py").write_text(LOOK)
    (tmp_path / "agent.yaml").write_text("type: react_agent\nmodel: offline\ntools: [look]\nlimits: {repeats: 1}\n")
    failing = {"name": "look", "arguments": {"text": "x"}}
    wrong = [
        {"name": "look", "arguments": {"texts": 1}},
        {"name": "look", "arguments": "{"},
        {"name": "lock", "arguments": {}},
    ]
    model = ScriptedModel(
        [{"tool_calls": wrong}, {"tool_calls": [failing]}, {"tool_calls": [failing]}, {"text": "Well."}]
    )
    agent = await AgentFactory(tmp_path / "agent.yaml", journal=MemoryJournal(), models=model).create_agent()
    await agent.run("go")
    await agent.aclose()
    assert [message.text for message in model.requests[-1].messages if message.role == "tool"] == [
        '{"error":{"code":"invalid_arguments","message":"text: is required; texts: there is no such argument"}}',
        '{"error":{"code":"invalid_arguments","message":"arguments: not JSON: Input data was truncated"}}',
        '{"error":{"code":"tool_not_found","message":"There is no tool \'lock\'. Tools: look."}}',
        '{"error":{"code":"tool_failed","message":"LookupError: nothing called x"}}',
        '{"error":{"code":"repeated_call","message":"This call was made again and again, with the same answer. '
        'Do something else, or say how far you came."}}',
    ]
