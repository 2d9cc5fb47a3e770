import type { components } from "./schema";

export type Problem = components["schemas"]["ProblemDetails"];

/** An answer of the server that is an error (RFC 9457). `status` is 0 if the server could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly errorId: string | null;
  readonly retryAfter: number | null;
  /** The fields that are wrong, if the server names them. */
  readonly errors: readonly { path: string; message: string }[];

  constructor(status: number, problem: Partial<Problem>, retryAfter: number | null = null) {
    super(problem.error || `The server answered ${status}.`);
    this.name = "ApiError";
    this.status = status;
    this.code = problem.code ?? "";
    this.errorId = problem.error_id ?? null;
    this.retryAfter = retryAfter;
    this.errors = Array.isArray(problem.errors) ? problem.errors : [];
  }
}

/** Return the error of an answer, whatever its body is. */
export function errorOf(response: Response, body: unknown): ApiError {
  const problem = typeof body === "object" && body !== null ? (body as Partial<Problem>) : {};
  const seconds = Number(response.headers.get("retry-after"));
  return new ApiError(response.status, problem, Number.isFinite(seconds) && seconds > 0 ? seconds : null);
}

/** Return the error of a request that got no answer. An aborted request keeps its AbortError. */
export function unreachable(cause: unknown): unknown {
  if (cause instanceof DOMException && cause.name === "AbortError") return cause;
  return new ApiError(0, { error: "The server cannot be reached.", code: "unreachable" });
}
