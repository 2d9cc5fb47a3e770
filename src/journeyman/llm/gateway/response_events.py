"""The JSON of a response and of an event of a streamed one (Responses API), as far as it is read."""

from __future__ import annotations

from typing import Any

import msgspec

from journeyman.events.messages import JSON


class ResponseEvent(msgspec.Struct):
    """An event of a stream. A complete response, which some servers send without an event around it, has a `status`."""

    type: JSON = None
    delta: JSON = None
    item_id: JSON = None
    output_index: JSON = None
    content_index: JSON = None
    summary_index: JSON = None
    item: JSON = None
    part: JSON = None
    text: JSON = None
    refusal: JSON = None
    arguments: JSON = None
    response: JSON = None
    error: JSON = None
    status: JSON = None


event_decoder = msgspec.json.Decoder(ResponseEvent)
response_decoder = msgspec.json.Decoder(dict[str, Any])
