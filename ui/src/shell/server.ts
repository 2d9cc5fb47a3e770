import { connect } from "@journeyman/client";
import { signal } from "@preact/signals";

const KEY = "journeyman.key";

/** The key or token that the caller gave; null: none. It stays in this tab's session storage. */
export const credential = signal<string | null>(sessionStorage.getItem(KEY));

export function keepCredential(value: string | null): void {
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
  credential.value = value;
}

/** The address of the server, with its root path and without a slash at the end. */
export const root = new URL("..", document.baseURI).href.replace(/\/$/, "");

export const server = connect({ address: root, credential: () => credential.peek() });
