import type { Pages } from "./usePages";

/** The end of a list: a button for its next page. */
export function More<T>({ pages }: { pages: Pages<T> }) {
  if (!pages.more) return null;
  return (
    <p class="more">
      <button type="button" onClick={pages.more}>
        Show more
      </button>
    </p>
  );
}
