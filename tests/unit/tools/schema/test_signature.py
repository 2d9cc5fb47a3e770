from __future__ import annotations

from journeyman.tools.schema.signature import parse_docstring


def test_docstring_sections():
    summary, arguments = parse_docstring("""Sum up.

    Args:
        a (int): first: with a colon
        b: second
          goes on
    Returns:
        c: not an argument
    """)
    assert summary == "Sum up."
    assert arguments == {"a": "first: with a colon", "b": "second goes on"}
