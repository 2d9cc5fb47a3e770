from __future__ import annotations

import zipfile
from importlib.metadata import PathDistribution
from io import BytesIO
from pathlib import Path

from journeyman.cli.own_wheel import build_wheel, is_from_index, wheel_name


def installation(folder: Path, **more: str) -> PathDistribution:
    """An installed package `trip`, as its installer describes it."""
    information = folder / "trip-1.2.dist-info"
    files = {
        "METADATA": "Metadata-Version: 2.4\nName: trip\nVersion: 1.2\n",
        "WHEEL": "Tag",
        "licenses/LICENSE": "free",
    }
    files |= {"INSTALLER": "pip", "REQUESTED": "", **more}
    for name, text in files.items():
        (information / name).parent.mkdir(parents=True, exist_ok=True)
        (information / name).write_text(text)
    paths = [*(f"{information.name}/{name}" for name in files), "../../bin/trip", "trip.pth"]
    (information / "RECORD").write_text("".join(f"{path},,\n" for path in paths))
    return PathDistribution(information)


def test_only_an_installation_without_another_origin_is_from_an_index(tmp_path: Path) -> None:
    assert is_from_index(installation(tmp_path / "a"))
    assert not is_from_index(installation(tmp_path / "b", **{"direct_url.json": '{"url": "file:///x"}'}))


def test_the_wheel_has_the_package_and_its_metadata(tmp_path: Path) -> None:
    package = tmp_path / "trip"
    for name in ("__init__.py", "__pycache__/x.pyc", "data/__pycache__/y.pyc", "data/cities.csv"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes(name.encode())
    installed = installation(tmp_path / "site", **{"direct_url.json": "{}"})
    wheel = build_wheel(installed, package)
    with zipfile.ZipFile(BytesIO(wheel)) as archive:
        assert archive.testzip() is None
        record = archive.read("trip-1.2.dist-info/RECORD").decode().splitlines()
        content = {name: archive.read(name) for name in archive.namelist()}
    information = ["METADATA", "WHEEL", "licenses/LICENSE", "RECORD"]
    assert list(content) == [
        "trip/__init__.py",
        "trip/data/cities.csv",
        *(f"trip-1.2.dist-info/{i}" for i in information),
    ]
    assert content["trip/data/cities.csv"] == b"data/cities.csv"
    assert [line.split(",")[0] for line in record] == list(content)
    assert record[0].endswith(",11")
    assert wheel_name(installed) == "trip-1.2-py3-none-any.whl"
    assert build_wheel(installed, package) == wheel, "the same files make the same wheel"
