import createClient, { type Client } from "openapi-fetch";
import { errorOf, unreachable } from "./errors";
import type { paths } from "./schema";

export interface ConnectionOptions {
  /** The server's address, with its root path, without a slash at the end. */
  address: string;
  /** Returns the key or token that requests are sent with; null: none is needed. */
  credential?: () => string | null;
  fetch?: typeof fetch;
}

/** A connection to one server: typed requests by path, and what streams need beside them. */
export interface Connection {
  readonly address: string;
  readonly requests: Client<paths>;
  /** Send a request as `fetch` does, with the credential. Throws ApiError if no answer comes. */
  send(path: string, init?: RequestInit): Promise<Response>;
}

/** Connect to a server. Nothing is sent before the first request. */
export function connect(options: ConnectionOptions): Connection {
  const call = options.fetch ?? fetch;
  const send = async (request: Request | string, init?: RequestInit) => {
    const headers = new Headers(init?.headers ?? (request instanceof Request ? request.headers : undefined));
    const credential = options.credential?.();
    if (credential) headers.set("authorization", `Bearer ${credential}`);
    try {
      return await call(request, { ...init, headers });
    } catch (cause) {
      throw unreachable(cause);
    }
  };
  return {
    address: options.address,
    requests: createClient<paths>({ baseUrl: options.address, fetch: (request) => send(request) }),
    send: (path, init) => send(options.address + path, init),
  };
}

/** Return the data of an answer. Throws ApiError for an answer that is an error. */
export async function data<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<NonNullable<T>> {
  const { data: body, error, response } = await answer;
  if (!response.ok || error !== undefined) throw errorOf(response, error);
  return body as NonNullable<T>;
}
