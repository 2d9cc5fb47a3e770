"""Why a gateway refused a request or failed: told from the status and the complaint of any provider."""

from __future__ import annotations

import re
from typing import Literal

from journeyman.llm.gateway.complaint import Complaint

Cause = Literal["context_length", "filtered", "no_credit", "unusable_reply", "other"]

# Codes and types, squashed. Each belongs to one cause whatever the status is.
_KINDS: dict[Cause, frozenset[str]] = {
    "unusable_reply": frozenset(("toolusefailed", "outputparsefailed", "jsonvalidatefailed")),  # Groq
    "context_length": frozenset(
        (
            "contextlengthexceeded",  # OpenAI, Azure, Groq, OpenRouter
            "contextwindowexceeded",
            "exceedcontextsizeerror",  # llama.cpp
            "modelcontextwindowexceeded",  # Anthropic
            "requesttoolarge",  # Anthropic, Groq
            "stringabovemaxlength",  # OpenAI
            "tokenlimitexceeded",  # OpenRouter
            "stringtoolong",  # OpenRouter
        )
    ),
    "filtered": frozenset(
        (
            "contentfilter",  # Azure, Moonshot
            "contentfiltered",
            "contentpolicyviolation",  # OpenAI, LiteLLM
            "responsibleaipolicyviolation",  # Azure
            "datainspectionfailed",  # DashScope
            "moderationblocked",
            "invalidprompt",  # OpenAI, of prompts to reasoning models
            "prohibitedcontent",  # Gemini
            "biopolicy",  # OpenAI, in a failed response, as the next two
            "misalignmentpolicyviolation",
            "imagecontentpolicyviolation",
        )
    ),
    "no_credit": frozenset(
        (
            "insufficientquota",  # OpenAI
            "exceededcurrentquotaerror",  # Moonshot
            "insufficientbalance",
            "insufficientcredits",
            "billinghardlimitreached",  # OpenAI
            "billingnotactive",
            "billingerror",  # Anthropic
            "budgetexceeded",  # LiteLLM
            "creditbalancetoolow",
            "arrearage",  # DashScope
            "paymentrequired",
        )
    ),
}
_UNUSABLE_REPLY = re.compile(r"tool_use_failed|output_parse_failed|json_validate_failed", re.I)
_CONTEXT_LENGTH = re.compile(
    r"context.?(?:length|window|size|limit)"
    r"|\b(?:prompt|input|request|conversation) (?:is )?too (?:long|large)\b"
    r"|too many (?:input |prompt )?tokens"
    r"|reduce the length of"
    r"|input token count .{0,40}exceeds"
    r"|range of input length"
    r"|model token limit|maximum model length"
    r"|`inputs` tokens"
    r"|maximum (?:input|prompt) (?:length|tokens)",
    re.I,
)
_FILTERED = re.compile(
    r"\b(?:was|were|been|is) flagged\b"
    r"|\bmoderat(?:ion|ed)\b"
    r"|content (?:management |usage |filter\w* )?polic"
    r"|content.?filter"
    r"|usage (?:policy|policies|guidelines)"
    r"|safety (?:system|filter|check|reasons|guidelines)"
    r"|content exists risk"  # DeepSeek
    r"|inappropriate content|sensitive content|considered high risk"
    r"|blocked by .{0,20}guardrail"
    r"|responsible.?ai",
    re.I,
)
_NO_CREDIT = re.compile(
    r"insufficient.(?:balance|credit|funds|quota)"
    r"|credit balance"
    r"|(?:out of|no|not enough|run out of|all available|more) credits\b"
    r"|budget has been exceeded|exceededbudget"
    r"|spending limit"
    r"|payment required"
    r"|key limit exceeded"  # OpenRouter
    r"|top up|recharge"
    r"|account is in good standing",  # DashScope
    re.I,
)
_OF_A_MINUTE = re.compile(r"per.?minute|retry in|resource.?exhausted", re.I)
_QUOTA = re.compile(r"exceeded your current quota", re.I)
_TOO_LARGE_FOR_ITS_RATE = re.compile(r"request too large for", re.I)  # OpenAI, Groq: no later try fits either


def cause_of(status: int, complaint: Complaint) -> Cause:
    """Return why the gateway did not answer."""
    for cause, kinds in _KINDS.items():
        if not kinds.isdisjoint(complaint.kinds) and not _is_about_id(complaint):
            return cause
    text = complaint.text
    if _UNUSABLE_REPLY.search(text):
        return "unusable_reply"
    if status == 402:
        return "no_credit"
    if status == 429:
        return _cause_of_limit(text)
    if status not in (401, 403, 404) and _CONTEXT_LENGTH.search(text):
        return "context_length"
    if status in (400, 403, 413, 422, 451):
        return _cause_of_refusal(complaint)
    return "no_credit" if status == 401 and _NO_CREDIT.search(text) else "other"


def _is_about_id(complaint: Complaint) -> bool:
    """Return whether a text that is too long is an id, such as `input[2].call_id`, which no shorter window helps."""
    return "stringabovemaxlength" in complaint.kinds and any(path.endswith("id") for path in complaint.paths)


def _cause_of_limit(text: str) -> Cause:
    if _TOO_LARGE_FOR_ITS_RATE.search(text):
        return "context_length"
    if _NO_CREDIT.search(text) or (_QUOTA.search(text) and not _OF_A_MINUTE.search(text)):
        return "no_credit"
    return "other"


def _cause_of_refusal(complaint: Complaint) -> Cause:
    if complaint.flagged or _FILTERED.search(complaint.text):
        return "filtered"
    return "no_credit" if _NO_CREDIT.search(complaint.text) else "other"
