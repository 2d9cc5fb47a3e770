import { ApiError } from "@journeyman/client";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Resource<T> {
  /** What was read last; null until something was. It stays while it is read again. */
  data: T | null;
  error: ApiError | null;
  reload: () => void;
}

/** Read something when `key` changes, and every `seconds` while the tab is seen. */
export function useResource<T>(key: string, read: () => Promise<T>, seconds = 0): Resource<T> {
  const [state, setState] = useState<{ key: string; data: T | null; error: ApiError | null }>({
    key,
    data: null,
    error: null,
  });
  const [turn, setTurn] = useState(0);
  const latest = useRef(read);
  latest.current = read;
  const reload = useCallback(() => setTurn((now) => now + 1), []);
  useEffect(() => {
    let current = true;
    const keep = (data: T | null, error: ApiError | null) =>
      current && setState((now) => ({ key, data: data ?? (now.key === key ? now.data : null), error }));
    latest.current().then(
      (data) => keep(data, null),
      (error) => keep(null, error instanceof ApiError ? error : new ApiError(0, { error: String(error) })),
    );
    return () => {
      current = false;
    };
  }, [key, turn]);
  useEffect(() => {
    if (!seconds) return;
    const timer = setInterval(() => !document.hidden && reload(), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds, reload]);
  return state.key === key ? { ...state, reload } : { data: null, error: null, reload };
}
