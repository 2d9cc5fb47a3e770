from __future__ import annotations

from pathlib import Path

from journeyman.user_code.sources import MAX_BYTES, read_sources


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
    return path


def fingerprint(path: Path) -> str:
    return read_sources(path).fingerprint


def test_a_fingerprint_follows_content_names_and_modes(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "x = 1")
    write(tmp_path / "_b.py", "y = 1")
    seen = {fingerprint(tmp_path)}
    write(tmp_path / "notes.txt", "no code")
    assert fingerprint(tmp_path) in seen
    for change in (
        lambda: write(tmp_path / "_b.py", "y = 2"),
        lambda: write(tmp_path / "deep/c.py", ""),
        lambda: (tmp_path / "a.py").chmod(0o600),
        lambda: (tmp_path / "a.py").unlink(),
    ):
        change()
        seen.add(fingerprint(tmp_path))
    assert len(seen) == 5
    assert fingerprint(tmp_path / "nowhere")


def test_files_by_their_names_below_the_folder(tmp_path: Path) -> None:
    for name in ("a.py", "_b.py", "deep/c.py", ".hidden/d.py", "__pycache__/e.py", "notes.txt"):
        write(tmp_path / name, name)
    files = read_sources(tmp_path).files
    assert files == {"a.py": b"a.py", "_b.py": b"_b.py", "deep/c.py": b"deep/c.py"}


def test_a_single_file_and_a_folder_that_is_too_large_are_not_kept(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "x = 1")
    assert read_sources(tmp_path / "a.py").files == {}
    write(tmp_path / "b.py", "#" * (MAX_BYTES + 1))
    assert read_sources(tmp_path).files == {}
