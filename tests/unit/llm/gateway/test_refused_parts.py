"""Complaints that a model takes no pictures differ from those about a certain picture."""

from __future__ import annotations

import pytest

from journeyman.events.messages import FilePart, ImagePart, Message, TextPart, user
from journeyman.events.part_notes import FILE, PICTURE
from journeyman.llm.gateway.complaint import complaint_in
from journeyman.llm.gateway.errors import TRANSIENT, RequestRefusedError, gateway_error
from journeyman.llm.gateway.refused_parts import names_parts, refused_parts

SEEN = (Message(role="user", content=(TextPart("see"), ImagePart("data:image/png;base64,AA=="))),)
READ = (Message(role="user", content=(TextPart("see"), FilePart("data:application/pdf;base64,AA==", "a.pdf"))),)

# What servers say: OpenAI, OpenRouter, DeepSeek, Ollama, vLLM, Groq, llama.cpp, FastAPI servers, bridges.
OF_PICTURES = [
    "Invalid content type. image_url is only supported by certain models.",
    "No endpoints found that support image input",
    "Failed to deserialize the body: messages[1]: unknown variant `image_url`, expected `text` at line 1 column 62",
    "this model does not support image input (ref: b8bd630e)",
    "At most 0 image(s) may be provided in one prompt.",
    "qwen2 is not a multimodal model",
    "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
    "The model gpt-3.5-turbo does not have vision capabilities",
    "This model doesn't support images.",
    "Image input is not enabled for this model",
    "Vision is not supported for this model",
    "unsupported content type: image_url",
]
OF_ALL_PARTS = [
    "messages[0].content must be a string",
    "'messages.0.content' : value must be a string; content should be a string",
    "Input should be 'text'",
    "Input should be a valid string",
]
OF_ONE_PICTURE = [
    "Invalid image data: could not decode",
    "You uploaded an unsupported image. Please make sure your image has of one the following formats: ['png', 'jpeg'].",
    "image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes",
    "Image dimensions exceed max allowed size: 8000 pixels",
    "The image media type image/tiff is not valid",
    "max_tokens is not supported; use max_completion_tokens",
    "Your input violates the policy: image content was flagged",
    "does not support image format image/bmp",
]


@pytest.mark.parametrize("text", OF_PICTURES)
def test_a_model_that_takes_no_pictures_is_known(text: str) -> None:
    assert refused_parts(text, SEEN) == {PICTURE}
    assert refused_parts(text, (user("see"),)) == frozenset()


@pytest.mark.parametrize("text", OF_ALL_PARTS)
def test_a_server_that_takes_texts_alone_is_known(text: str) -> None:
    assert refused_parts(text, (*SEEN, *READ)) == {PICTURE, FILE}
    assert refused_parts(text, (user("see"),)) == frozenset()


@pytest.mark.parametrize("text", OF_ONE_PICTURE)
def test_a_complaint_about_one_picture_is_no_refusal_of_all(text: str) -> None:
    assert refused_parts(text, SEEN) == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "Invalid content type. file is only supported by certain models.",
        "this model does not support PDF input",
        "unknown variant `file`, expected `text` or `image_url`",
        "Files are not supported by this model",
    ],
)
def test_files_are_refused_apart_from_pictures(text: str) -> None:
    assert refused_parts(text, (*SEEN, *READ)) == {FILE}


@pytest.mark.parametrize(("text", "named"), [("No endpoints found that support image input", True), ("oops", False)])
def test_a_refusal_is_told_without_the_request(text: str, named: bool) -> None:
    assert names_parts(text) is named


@pytest.mark.parametrize(
    ("status", "text", "refused"),
    [
        (415, "No endpoints found that support image input", True),
        (500, "image input is not supported - hint: you may need to provide the mmproj", True),
        (501, "not implemented", False),
        (500, "internal error", False),
    ],
)
def test_a_refusal_of_pictures_is_one_of_the_request_whatever_its_status(status: int, text: str, refused: bool) -> None:
    error = gateway_error(status, complaint_in({"error": {"message": text}}))
    assert isinstance(error, RequestRefusedError) is refused
    assert (error.code in TRANSIENT) is not refused
