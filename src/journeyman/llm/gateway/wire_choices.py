"""How the requests to one model of a gateway differ from what they usually are, because it refuses parts of them."""

from __future__ import annotations

import msgspec


class WireChoices(msgspec.Struct, frozen=True, kw_only=True):
    """The differences of a model's requests. By default there are none.

    `dropped` are parameters that are left out. One that the user's `extra` sets is sent all the same.
    `without_opaque` are the names of opaque fields, at any level of a message, and the types of content parts and of
    output items that are not sent back.
    """

    dropped: frozenset[str] = frozenset()
    max_completion_tokens: bool = False  # the name under which `max_tokens` is sent
    without_opaque: frozenset[str] = frozenset()
    empty_content: bool = False  # a message of calls alone has the content "" instead of null
    responses: bool = False  # requests go to the Responses API


USUAL = WireChoices()
