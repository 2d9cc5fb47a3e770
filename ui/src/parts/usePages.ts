import { ApiError } from "@journeyman/client";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Pages<T> {
  items: T[];
  /** Whether the first page is still being read. */
  loading: boolean;
  error: ApiError | null;
  /** Reads the next page; null: this is all. */
  more: (() => void) | null;
  reload: () => void;
}

interface State<T> {
  key: string;
  items: T[];
  cursor: string | null;
  error: ApiError | null;
  /** Whether more than the first page was read. */
  paged: boolean;
}

type Read<T> = (cursor: string | undefined) => Promise<{ items: T[]; next_cursor?: string | null }>;

/**
 * Read a list page by page. It begins anew when `key` changes. With `seconds`, the first page is read again every so
 * often while the tab is seen, as long as it is the only one that was read.
 */
export function usePages<T>(key: string, read: Read<T>, seconds = 0): Pages<T> {
  const [state, setState] = useState<State<T>>();
  const latest = useRef(read);
  latest.current = read;
  const turn = useRef(0);
  const load = useCallback(
    async (cursor: string | undefined, before: T[], quietly = false) => {
      turn.current += 1;
      const own = turn.current; // an answer that comes after a later question is not shown
      try {
        const page = await latest.current(cursor);
        const items = [...before, ...page.items];
        if (own === turn.current)
          setState({ key, items, cursor: page.next_cursor ?? null, error: null, paged: cursor !== undefined });
      } catch (error) {
        const known = error instanceof ApiError ? error : new ApiError(0, { error: String(error) });
        if (own === turn.current && !quietly)
          setState({ key, items: before, cursor: cursor ?? null, error: known, paged: cursor !== undefined });
      }
    },
    [key],
  );
  const reload = useCallback(() => void load(undefined, []), [load]);
  useEffect(reload, [reload]);
  const current = state?.key === key ? state : undefined;
  const alone = current !== undefined && !current.paged && !current.error;
  useEffect(() => {
    if (!seconds || !alone) return;
    const timer = setInterval(() => !document.hidden && void load(undefined, [], true), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds, alone, load]);
  return {
    items: current?.items ?? [],
    loading: !current,
    error: current?.error ?? null,
    more: current?.cursor ? () => void load(current.cursor ?? undefined, current.items) : null,
    reload,
  };
}
