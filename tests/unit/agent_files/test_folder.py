from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeyman.agent_files.definition import LoadContext
from journeyman.agent_files.folder import MAX_FILES, load_agents
from tests.harness.cpu_time import within

LoadContextFactory = Callable[..., LoadContext]


def write(folder: Path, **files: str) -> None:
    for stem, text in files.items():
        (folder / f"{stem}.yaml").write_text(text)
        (folder / f"{stem}.yaml").chmod(0o644)


def test_in_a_folder_files_with_a_type_are_agents(tmp_path: Path, load_context: LoadContextFactory) -> None:
    write(tmp_path, billing="type: react_agent", support="type: react_agent\nname: help", compose="services: &a {}")
    (tmp_path / "turns.yml").write_text("- text: hello\n")
    (tmp_path / ".hidden.yaml").write_text("type: react_agent\n")
    loaded = load_agents(tmp_path, load_context())
    assert not loaded.problems
    assert [(spec.name, spec.type) for spec in loaded.specs] == [("billing", "react_agent"), ("help", "react_agent")]
    agent = loaded.agent("help")
    assert agent is not None
    assert (agent.file, agent.folder) == (tmp_path / "support.yaml", tmp_path)


def test_one_bad_file_does_not_hide_another(tmp_path: Path, load_context: LoadContextFactory) -> None:
    write(tmp_path, good="type: react_agent", bad="type: react_agent\nx: 1", worse="type: [react_agent\n")
    (tmp_path / "wide.yaml").write_bytes("type: react_agent\n".encode("utf-16"))
    loaded = load_agents(tmp_path, load_context())
    assert [spec.name for spec in loaded.specs] == ["good"]
    files = [Path(problem.file or "").name for problem in loaded.errors]
    assert files == ["bad.yaml", "wide.yaml", "worse.yaml"]


def test_a_name_is_given_once(tmp_path: Path, load_context: LoadContextFactory) -> None:
    write(tmp_path, a="type: react_agent\nname: x", b="type: react_agent\nname: x")
    loaded = load_agents(tmp_path, load_context())
    assert "defined already" in loaded.errors[0].message


def test_a_file_given_by_itself_must_be_an_agent(tmp_path: Path, load_context: LoadContextFactory) -> None:
    write(tmp_path, a="name: x", empty="")
    assert "`type` is missing" in load_agents(tmp_path / "a.yaml", load_context()).errors[0].message
    assert "the file is empty" in load_agents(tmp_path / "empty.yaml", load_context()).errors[0].message
    assert "cannot be read" in load_agents(tmp_path / "nope.yaml", load_context()).errors[0].message
    assert not load_agents(tmp_path / "a.yaml", load_context()).agents


def test_a_folder_without_agents_says_so(tmp_path: Path, load_context: LoadContextFactory) -> None:
    assert "no agent file" in load_agents(tmp_path, load_context()).errors[0].message


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path, load_context: LoadContextFactory) -> None:
    for number in range(MAX_FILES + 1):
        (tmp_path / f"{number}.yaml").touch()
    assert "more than 500" in load_agents(tmp_path, load_context()).errors[0].message


def test_the_stem_must_be_a_name(tmp_path: Path, load_context: LoadContextFactory) -> None:
    (tmp_path / "My Agent.yaml").write_text("type: react_agent\n")
    assert "'My Agent' cannot be an agent's" in load_agents(tmp_path, load_context()).errors[0].message


def test_a_pipe_is_not_opened(tmp_path: Path, load_context: LoadContextFactory) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert "not a regular file" in load_agents(tmp_path, load_context()).errors[0].message


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, load_context: LoadContextFactory) -> None:
    folder = tmp_path / "agents"
    folder.mkdir()
    write(tmp_path, a="type: react_agent")
    (folder / "a.yaml").symlink_to(tmp_path / "a.yaml")
    (folder / "loop.yaml").symlink_to(folder / "loop.yaml")
    loaded = load_agents(folder, load_context())
    assert "link leads out" in loaded.errors[0].message
    assert "cannot be read" in loaded.errors[1].message


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("script:turns.yaml", None),
        ("script:nope.yaml", "there is no file nope.yaml"),
        ("script:../secret.yaml", "outside the agent's folder"),
        ("script:/etc/passwd", "outside the agent's folder"),
        ("script:link.yaml", "outside the agent's folder"),
        ("script:.", "there is no file ."),
        ("script:", "no file is named"),
        ("script:" + "a" * 5000, "cannot be used|cannot be opened"),
    ],
)
def test_a_script_stands_in_the_agents_folder(
    model: str, message: str | None, tmp_path: Path, load_context: LoadContextFactory
) -> None:
    folder = tmp_path / "agents"
    folder.mkdir()
    (folder / "turns.yaml").write_text("- text: hello\n")
    (tmp_path / "secret.yaml").write_text("- text: hello\n")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    write(folder, a=f"type: react_agent\nmodel: '{model}'\n")
    loaded = load_agents(folder / "a.yaml", load_context())
    if message is None:
        assert loaded.specs[0].model.name == model
    else:
        assert any(part in loaded.errors[0].message for part in message.split("|"))
        assert loaded.errors[0].line == 2


@pytest.mark.alone
@pytest.mark.parametrize(
    "content",
    [
        b"\n" * 250_000,
        b" " * 250_000,
        b"{" * 250_000,
        b"type: react_agent\nprompt: '" + b"eyJ-" * 60_000 + b"'\n",
        b"type: react_agent\nprompt: '" + b"${" * 40_000 + b"'\n",
        b"type: react_agent\nprompt: '" + b"://a:" * 19_000 + b"'\nx: 1\n",
        b"type: react_agent\nprompt: '" + b"{{ " * 30_000 + b"'\n",
        b"type: react_agent\n" + b"".join(b"k%d: 1\n" % n for n in range(4900)),
        b"type: react_agent\nlimits: {" + b"".join(b"k%d: 1, " % n for n in range(4900)) + b"}\n",
    ],
)
def test_no_file_takes_long(content: bytes, tmp_path: Path, load_context: LoadContextFactory) -> None:
    (tmp_path / "agent.yaml").write_bytes(content)
    for path in (tmp_path, tmp_path / "agent.yaml"):
        loaded = within(0.8, partial(load_agents, path, load_context()))
        assert loaded.errors
        assert len(loaded.problems) < 200


AGENT = b"""type: react_agent
name: support
prompt: |
  Hi {{ context.thread.name | default("you") }} ${NAME:-x}
model: {name: offline, temperature: 0.5}
tools:
  - get_username
  - {name: refund, approval: "args.amount > 50", retries: 0, arguments: {amount: {maximum: 5}}}
limits: {steps: 5, seconds: 1.5}
output: {schema: {type: object}}
"""


PIECES = [
    b"&a ",
    b"*a",
    b"!!str ",
    b"<<: ",
    b"\t",
    b"[",
    b"{",
    b"}",
    b"- ",
    b"\0",
    b"\xff",
    b'"',
    b"\n",
    b": ",
    b"1e999",
]


@pytest.mark.alone
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, len(AGENT)), st.sampled_from(PIECES) | st.binary(max_size=3), st.integers(0, 6)),
        max_size=8,
    )
)
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_load_or_are_problems(
    cuts: list[tuple[int, bytes, int]], tmp_path: Path, load_context: LoadContextFactory
) -> None:
    content = AGENT
    for at, piece, removed in cuts:
        content = content[:at] + piece + content[at + removed :]
    file = tmp_path / "agent.yaml"
    file.write_bytes(content)
    loaded = within(1.0, partial(load_agents, file, load_context()))
    assert bool(loaded.agents) is not bool(loaded.errors)
