import { ApiError, data, type Schemas } from "@journeyman/client";
import { signal } from "@preact/signals";
import { credential, keepCredential, root, server } from "./server";

export type Caller = Schemas["CallerAnswer"];

/** Who calls: the caller, `null` while that is not known, `"unknown"` if the server asks for a key, or the error. */
export const caller = signal<Caller | null | "unknown" | ApiError>(null);

/** Ask the server who we are. */
export async function identify(): Promise<void> {
  try {
    caller.value = await data(server.requests.GET("/whoami"));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) caller.value = "unknown";
    else caller.value = error instanceof ApiError ? error : new ApiError(0, { error: String(error) });
  }
}

/** Begin the session: a sign-in link's token is exchanged for a key, once, and leaves the address at once. */
export async function begin(): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get("t");
  if (token) {
    history.replaceState(null, "", location.pathname + location.search);
    const answer = await fetch(`${root}/page-sessions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    }).catch(() => null);
    if (answer?.ok) keepCredential(((await answer.json()) as { key: string }).key);
    else expiredLink.value = true;
  }
  await identify();
}

/** Whether the page was opened by a link that was used already or is too old. */
export const expiredLink = signal(false);

/** Use another key or token, or none. */
export async function signIn(value: string | null): Promise<void> {
  keepCredential(value);
  await identify();
}

/** Return why the caller may not do what needs this scope; null: it may. The empty scope needs no more than to be known. */
export function forbidden(scope: string): string | null {
  const known = caller.value;
  if (known === null || known === "unknown" || known instanceof ApiError) return "You are not signed in.";
  return !scope || known.scopes.includes(scope)
    ? null
    : `This needs the scope “${scope}”, which your key does not have.`;
}

/** Whether the server asks its callers for keys. */
export function asksForKeys(): boolean {
  const known = caller.value;
  return typeof known === "object" && known !== null && "auth_mode" in known && known.auth_mode === "required";
}

export function signedIn(): boolean {
  return credential.value !== null;
}
