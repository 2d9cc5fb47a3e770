import { signal } from "@preact/signals";

/** Where the page is: the parts of the path below /ui/, and the query. A view's whole state stands in them. */
export interface Address {
  path: string[];
  query: URLSearchParams;
}

const base = new URL(document.baseURI);

function read(): Address {
  const rest = location.pathname.startsWith(base.pathname) ? location.pathname.slice(base.pathname.length) : "";
  return { path: rest.split("/").filter(Boolean).map(decode), query: new URLSearchParams(location.search) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const address = signal<Address>(read());

/** Return the link to a place of the page, such as `to("runs", id)`; empty and null query values are left out. */
export function to(path: string | string[], query: Record<string, string | number | null | undefined> = {}): string {
  const parts = (Array.isArray(path) ? path : [path]).map(encodeURIComponent).join("/");
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return base.pathname + parts + (search ? `?${search}` : "");
}

/** Go to a link that `to` made. With `replace` the browser's history gets no new entry. */
export function go(link: string, replace = false): void {
  if (link === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", link);
  else history.pushState(null, "", link);
  address.value = read();
}

/** Change values of the query and keep the rest; null removes one. */
export function changeQuery(changes: Record<string, string | number | null>, replace = true): void {
  const now = Object.fromEntries(address.value.query.entries());
  go(to(address.value.path, { ...now, ...changes }), replace);
}

/** Follow the browser's history, and links of the page without loading it anew. */
export function watchAddress(): void {
  addEventListener("popstate", () => {
    address.value = read();
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (!link.pathname.startsWith(base.pathname) || link.hash) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
