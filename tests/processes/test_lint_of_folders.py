from __future__ import annotations

from pathlib import Path

from journeyman.server.loading import load
from journeyman.settings import Settings
from journeyman.tools.registry import ToolRegistry

HEAD = "from journeyman import tool, ToolContext\n"


TOOL = '@tool(effects="none")\nasync def {name}(x: str) -> str:\n    """Say x."""\n    return {body}\n\n\n'


def folder(tmp_path: Path) -> Path:
    tools = tmp_path / "tools"
    tools.mkdir()
    one = TOOL.format(name="bad", body="str(eval(x))") + TOOL.format(name="neighbour", body="x")
    (tools / "a.py").write_text(HEAD + one)
    (tools / "b.py").write_text(f"{HEAD}from ._shared import run\n{TOOL.format(name='importer', body='run(x)')}")
    (tools / "_shared.py").write_text("import os\ndef run(x):\n    return str(os.system(x))\n")
    (tools / "c.py").write_text(HEAD + TOOL.format(name="meant", body="str(eval(x))  # journeyman: allow JM101"))
    (tmp_path / "agent.yaml").write_text("type: react_agent\nmodel: offline\ntools: [neighbour]\n")
    return tools


async def test_warnings_leave_every_tool_registered(tmp_path: Path) -> None:
    registry = await ToolRegistry.auto_register(folder(tmp_path))
    assert not registry.problems
    assert {"bad", "neighbour", "importer", "meant"} <= set(registry.tools)
    found = {name: [each.rule for each in tool.findings] for name, tool in registry.tools.items() if tool.findings}
    assert found == {"bad": ["JM101"], "importer": ["JM102"], "meant": ["JM101"]}
    problems = registry.check_problems()
    assert {(problem.severity, problem.message[:5], Path(problem.file or "").name) for problem in problems} == {
        ("warning", "JM101", "a.py"),
        ("warning", "JM102", "_shared.py"),
    }


async def test_enforced_a_tool_with_an_error_is_refused_and_its_neighbour_is_not(tmp_path: Path) -> None:
    registry = await ToolRegistry.auto_register(folder(tmp_path), security="enforce")
    assert "neighbour" in registry.tools
    assert "meant" in registry.tools
    assert not {"bad", "importer"} & set(registry.tools)
    assert [(problem.severity, problem.line) for problem in registry.problems] == [("error", 5), ("error", 3)]


async def test_the_check_can_be_switched_off(tmp_path: Path) -> None:
    registry = await ToolRegistry.auto_register(folder(tmp_path), security="off")
    assert not registry.check_problems()
    assert not [tool for tool in registry.tools.values() if tool.findings]


async def test_an_agent_file_declares_what_the_code_left_open(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "net.py").write_text(
        f"{HEAD}import urllib.request\n\n\n@tool\ndef fetch(path: str) -> str:\n"
        '    """Fetch."""\n'
        "    return str(urllib.request.urlopen('https://api.example/' + path, timeout=3))\n"
    )
    agent = tmp_path / "agent.yaml"
    said = {}
    for allowed in ("", "network: [api.example]", "network: []"):
        permissions = f"permissions: {{{allowed}}}" if allowed else "description: Fetch"
        agent.write_text(f"type: react_agent\nmodel: offline\ntools:\n  - name: fetch\n    {permissions}\n")
        loaded = await load(Settings.read(tools_security="enforce"), agent, offline=True)
        await loaded.registry.aclose()
        said[allowed] = [(problem.severity, problem.message[:5]) for problem in loaded.problems]
    assert said == {"": [("warning", "JM202")], "network: [api.example]": [], "network: []": [("error", "JM203")]}
