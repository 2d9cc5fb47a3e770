"""A registry takes over another one: unchanged tools stay, and replaced ones are kept for the runs that use them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from journeyman.errors import ToolNotFoundError
from journeyman.tools.discovery.discovery import DiscoveredTool, Discovery
from journeyman.tools.process.import_target import ImportTarget, attribute_of
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.replaced import KEPT
from journeyman.tools.schema.describe import describe
from journeyman.user_code.sources import read_sources

CODE = '''
from journeyman import tool

@tool(effects="none")
async def {name}() -> str:
    """Say it."""
    return "{says}"
'''


class Folder:
    """A tools folder of one file, discovered in this process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.discoveries = 0

    def write(self, name: str, says: str) -> None:
        (self.path / "a.py").write_text(CODE.format(name=name, says=says))

    async def discover(self, path: Path) -> Discovery:
        self.discoveries += 1
        sources = read_sources(path)
        namespace: dict[str, object] = {"__name__": "found"}
        file = path / "a.py"
        exec(compile(file.read_text(), str(file), "exec"), namespace)
        name = next(name for name in ("one", "two") if name in namespace)
        spec = describe(attribute_of(type("Module", (), namespace), name)).spec
        target = ImportTarget(
            attribute=name, file=str(file), root=str(path), code_hash=spec.code_hash, folder=sources.fingerprint
        )
        return Discovery(tools=(DiscoveredTool(spec=spec, target=target),), sources=sources)

    async def load(self, earlier: ToolRegistry | None = None) -> ToolRegistry:
        return await ToolRegistry.auto_register(self.path, discover=self.discover, earlier=earlier, security="off")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.write("one", "v1")
    return made


async def test_of_a_folder_that_has_not_changed_nothing_is_run_again(folder: Folder) -> None:
    registry = await folder.load()
    one = registry.get("one")
    again = await folder.load(registry)
    assert (again.get("one"), folder.discoveries) == (one, 1)
    registry.replace_with(again)
    assert registry.get("one") is one


async def test_a_changed_folder_is_found_anew_and_the_old_tool_stays_for_its_runs(folder: Folder) -> None:
    registry = await folder.load()
    old = registry.get("one")
    folder.write("one", "v2")
    registry.replace_with(await folder.load(registry))
    new = registry.get("one")
    assert (folder.discoveries, new is old) == (2, False)
    assert registry.resolve(old.spec) is old
    assert registry.resolve(new.spec) is new


async def test_a_tool_that_is_gone_is_known_to_those_only_that_began_with_it(folder: Folder) -> None:
    registry = await folder.load()
    old = registry.get("one")
    folder.write("two", "v1")
    registry.replace_with(await folder.load(registry))
    assert registry.resolve(old.spec) is old
    with pytest.raises(ToolNotFoundError):
        registry.get("one")


async def test_tools_from_other_sources_stay(folder: Folder) -> None:
    registry, other = await folder.load(), await folder.load()
    foreign = other.get("one")
    registry.remove("one")
    registry.add(foreign)
    folder.write("two", "v1")
    registry.replace_with(await folder.load(registry), external={"one"})
    assert registry.get("one") is foreign
    assert "two" in registry.tools


async def test_code_that_was_replaced_long_ago_is_dropped(folder: Folder) -> None:
    registry = await folder.load()
    first = registry.get("one")
    package = registry._code.package
    assert package is not None
    assert any(name.startswith(package.name) for name in sys.modules)
    dropped = []
    for number in range(KEPT + 1):
        folder.write("one", f"v{number + 2}")
        dropped += registry.replace_with(await folder.load(registry))
    assert [code.package for code in dropped] == [package]
    for code in dropped:
        await code.aclose()
    assert not any(name.startswith(package.name) for name in sys.modules)
    assert registry.resolve(first.spec) is registry.get("one")  # as it would be after a restart


async def test_a_registry_that_is_not_used_leaves_nothing_behind(folder: Folder) -> None:
    registry = await folder.load()
    folder.write("one", "v2")
    before = set(sys.modules)
    refused = await folder.load(registry)
    await refused.discard()
    assert set(sys.modules) == before
    unchanged = await folder.load(refused)
    await unchanged.discard()
    assert registry.get("one").invoker is not None
