from __future__ import annotations

from journeyman.tools.results import plain_text


def test_joiners_stay():
    """Joiners are kept, since scripts and emoji need them."""
    for text in ("\u0645\u06cc\u200c\u062e", "👩\u200d👧", "שלום", "tab\tline\r\n"):
        assert plain_text(text) == text
