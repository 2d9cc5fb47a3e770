"""Error bodies of real servers, described anew: the status, the body, the code of the error, and a public source."""

from __future__ import annotations

from typing import Any, NamedTuple


class ErrorShape(NamedTuple):
    """One error of one server."""

    name: str
    status: int
    body: Any
    code: str
    source: str


def _openai(message: str, *, code: Any = None, param: Any = None, kind: str = "invalid_request_error") -> Any:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


SHAPES = (
    ErrorShape(
        "openai_context",
        400,
        _openai("This model's maximum context length is 8192 tokens.", code="context_length_exceeded"),
        "gateway_context_length",
        "https://github.com/bytedance/deer-flow/issues/310",
    ),
    ErrorShape(
        "llama_cpp_context",
        500,
        {"error": {"code": 500, "message": "the request exceeds it", "type": "exceed_context_size_error", "n_ctx": 9}},
        "gateway_context_length",
        "https://github.com/ggml-org/llama.cpp/pull/15780",
    ),
    ErrorShape(
        "anthropic_context",
        400,
        _openai("prompt is too long: 210000 tokens > 200000 maximum"),
        "gateway_context_length",
        "https://docs.anthropic.com/en/api/errors",
    ),
    ErrorShape(
        "anthropic_context_with_reply",
        400,
        _openai("input length and `max_tokens` exceed context limit: 190 + 20 > 200, decrease input length"),
        "gateway_context_length",
        "https://docs.anthropic.com/en/docs/build-with-claude/context-windows",
    ),
    ErrorShape(
        "vllm_context",
        400,
        {"object": "error", "message": "This model's maximum context length is 9 tokens.", "type": "BadRequestError"},
        "gateway_context_length",
        "https://github.com/vllm-project/vllm/issues/20409",
    ),
    ErrorShape(
        "gemini_context",
        400,
        [{"error": {"code": 400, "message": "The input token count (9) exceeds the maximum number of tokens"}}],
        "gateway_context_length",
        "https://ai.google.dev/gemini-api/docs/troubleshooting",
    ),
    ErrorShape(
        "tgi_context",
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 9",
            "error_type": "validation",
        },
        "gateway_context_length",
        "https://github.com/bytedance/UI-TARS-desktop/issues/626",
    ),
    ErrorShape(
        "dashscope_context",
        400,
        _openai("<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]"),
        "gateway_context_length",
        "https://help.aliyun.com/zh/model-studio/error-code",
    ),
    ErrorShape(
        "moonshot_context",
        400,
        _openai("Invalid request: Your request exceeded model token limit: 8192"),
        "gateway_context_length",
        "https://github.com/MoonshotAI/kimi-cli/issues/2011",
    ),
    ErrorShape(
        "groq_too_large",
        413,
        _openai("Request too large for model `m` on tokens per minute (TPM): Limit 6000", code="rate_limit_exceeded"),
        "gateway_context_length",
        "https://console.groq.com/docs/errors",
    ),
    ErrorShape(
        "openai_too_large_for_its_rate",
        429,
        _openai("Request too large for gpt-x on tokens per min (TPM): Limit 9", code="rate_limit_exceeded"),
        "gateway_context_length",
        "https://platform.openai.com/docs/guides/error-codes",
    ),
    ErrorShape(
        "vllm_model_length",
        400,
        {"object": "error", "message": "The decoder prompt (length 9) is longer than the maximum model length of 8."},
        "gateway_context_length",
        "https://github.com/Gabesarch/grounded-rl/issues/16",
    ),
    ErrorShape(
        "litellm_context",
        400,
        _openai("litellm.ContextWindowExceededError: Bedrock - Input is too long for requested model", code="400"),
        "gateway_context_length",
        "https://docs.litellm.ai/docs/exception_mapping",
    ),
    ErrorShape(
        "sglang_context",
        400,
        {"object": "error", "message": "The input (99 tokens) is longer than the model's context length (9 tokens)."},
        "gateway_context_length",
        "https://github.com/QwenLM/Qwen3/issues/1321",
    ),
    ErrorShape(
        "azure_filter",
        400,
        {
            "error": {
                "message": "The response was filtered due to the prompt",
                "param": "prompt",
                "code": "content_filter",
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        "gateway_filtered",
        "https://github.com/vibrantlabsai/ragas/issues/649",
    ),
    ErrorShape(
        "litellm_azure_filter",
        400,
        {
            "error": {
                "message": "litellm.ContentPolicyViolationError",
                "code": "400",
                "provider_specific_fields": {"innererror": {"code": "ResponsibleAIPolicyViolation"}},
            }
        },
        "gateway_filtered",
        "https://github.com/BerriAI/litellm/pull/16231",
    ),
    ErrorShape(
        "openrouter_moderation",
        403,
        {"error": {"code": 403, "message": "Refused", "metadata": {"reasons": ["violence"], "flagged_input": "..."}}},
        "gateway_filtered",
        "https://openrouter.ai/docs/api/reference/errors-and-debugging",
    ),
    ErrorShape(
        "deepseek_filter",
        400,
        _openai("Content Exists Risk", code="invalid_request_error"),
        "gateway_filtered",
        "https://github.com/666ghj/BettaFish/issues/108",
    ),
    ErrorShape(
        "dashscope_filter",
        400,
        _openai("Input data may contain inappropriate content.", code="data_inspection_failed"),
        "gateway_filtered",
        "https://help.aliyun.com/zh/model-studio/error-code",
    ),
    ErrorShape(
        "openai_invalid_prompt",
        400,
        _openai("Invalid prompt: your prompt was flagged", code="invalid_prompt"),
        "gateway_filtered",
        "https://github.com/BeehiveInnovations/pal-mcp-server/issues/178",
    ),
    ErrorShape(
        "xai_filter",
        403,
        {"code": "The caller does not have permission", "error": "Content violates usage guidelines."},
        "gateway_filtered",
        "https://docs.x.ai/docs/key-information/debugging",
    ),
    ErrorShape(
        "openrouter_credit",
        402,
        {"error": {"code": 402, "message": "?"}},
        "gateway_no_credit",
        "https://openrouter.ai/docs/errors",
    ),
    ErrorShape(
        "openai_quota",
        429,
        _openai("You exceeded your current quota", code="insufficient_quota", kind="insufficient_quota"),
        "gateway_no_credit",
        "https://platform.openai.com/docs/guides/error-codes",
    ),
    ErrorShape(
        "anthropic_credit",
        400,
        _openai("Your credit balance is too low to access the API"),
        "gateway_no_credit",
        "https://docs.anthropic.com/en/api/errors",
    ),
    ErrorShape(
        "deepseek_credit",
        402,
        _openai("Insufficient Balance"),
        "gateway_no_credit",
        "https://api-docs.deepseek.com/quick_start/error_codes",
    ),
    ErrorShape(
        "xai_credit",
        403,
        {
            "code": "x",
            "error": "Your team has either used all available credits or reached its monthly spending limit.",
        },
        "gateway_no_credit",
        "https://github.com/warpdotdev/warp/issues/14867",
    ),
    ErrorShape(
        "litellm_budget",
        400,
        _openai("Budget has been exceeded! Current cost: 1, Max budget: 0", kind="budget_exceeded", code="400"),
        "gateway_no_credit",
        "https://github.com/BerriAI/litellm/issues/14144",
    ),
    ErrorShape(
        "dashscope_credit",
        400,
        _openai("Access denied, please make sure your account is in good standing.", code="Arrearage"),
        "gateway_no_credit",
        "https://help.aliyun.com/zh/model-studio/error-code",
    ),
    ErrorShape(
        "moonshot_credit",
        429,
        _openai("Your account is suspended", kind="exceeded_current_quota_error"),
        "gateway_no_credit",
        "https://platform.moonshot.ai/docs/api/chat",
    ),
    ErrorShape(
        "gemini_rate",
        429,
        [
            {
                "error": {
                    "code": 429,
                    "message": "You exceeded your current quota, please check your plan. Please retry in 36s.",
                    "status": "RESOURCE_EXHAUSTED",
                }
            }
        ],
        "gateway_rate_limited",
        "https://ai.google.dev/gemini-api/docs/rate-limits",
    ),
    ErrorShape(
        "groq_tool_use_failed",
        400,
        {
            "error": {
                "message": "Failed to call a function.",
                "type": "invalid_request_error",
                "code": "tool_use_failed",
                "failed_generation": "<function=lookup>",
            }
        },
        "gateway_bad_reply",
        "https://github.com/groq/groq-typescript/issues/28",
    ),
    ErrorShape(
        "litellm_groq_tool_use_failed",
        400,
        _openai('litellm.BadRequestError: GroqException - {"error":{"code":"tool_use_failed"}}', code="400"),
        "gateway_bad_reply",
        "https://github.com/huggingface/smolagents/issues/1119",
    ),
    ErrorShape(
        "gemini_bad_key",
        400,
        [{"error": {"code": 400, "message": "API key not valid", "status": "INVALID_ARGUMENT"}}],
        "gateway_rejected",
        "https://ai.google.dev/gemini-api/docs/troubleshooting",
    ),
    ErrorShape(
        "openai_region",
        403,
        _openai("Country, region, or territory not supported", code="unsupported_country_region_territory"),
        "gateway_auth",
        "https://platform.openai.com/docs/guides/error-codes",
    ),
    ErrorShape(
        "proxy_page", 413, "<html>Request Entity Too Large</html>", "gateway_rejected", "https://nginx.org/en/docs"
    ),
    ErrorShape("no_body", 400, "", "gateway_rejected", "any"),
)
