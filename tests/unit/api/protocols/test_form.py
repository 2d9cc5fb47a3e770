"""The form of a protocol, as middleware uses it."""

from __future__ import annotations

from journeyman.api.protocols.form import ProtocolForm, ShapedError
from journeyman.api.protocols.openai_errors import OPENAI


def test_a_form_shapes_errors_and_rate_limits() -> None:
    form = ProtocolForm(lambda problem, repeatable: ShapedError(418, problem, []), lambda *left: [(b"left", b"1")])
    assert form.error("x", False) == (418, "x", [])
    assert isinstance(OPENAI, ProtocolForm)
