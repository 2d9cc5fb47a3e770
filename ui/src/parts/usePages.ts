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

type Read<T> = (cursor: string | undefined) => Promise<{ items: T[]; next_cursor?: string | null }>;

/** Read a list page by page. It begins anew when `key` changes. */
export function usePages<T>(key: string, read: Read<T>): Pages<T> {
  const [state, setState] = useState<{ key: string; items: T[]; cursor: string | null; error: ApiError | null }>();
  const latest = useRef(read);
  latest.current = read;
  const load = useCallback(
    async (cursor: string | undefined, before: T[]) => {
      try {
        const page = await latest.current(cursor);
        setState({ key, items: [...before, ...page.items], cursor: page.next_cursor ?? null, error: null });
      } catch (error) {
        const known = error instanceof ApiError ? error : new ApiError(0, { error: String(error) });
        setState({ key, items: before, cursor: cursor ?? null, error: known });
      }
    },
    [key],
  );
  const reload = useCallback(() => void load(undefined, []), [load]);
  useEffect(reload, [reload]);
  const current = state?.key === key ? state : undefined;
  return {
    items: current?.items ?? [],
    loading: !current,
    error: current?.error ?? null,
    more: current?.cursor ? () => void load(current.cursor ?? undefined, current.items) : null,
    reload,
  };
}
