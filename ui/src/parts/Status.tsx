const MARKS: Record<string, string> = {
  queued: "○",
  running: "◐",
  paused: "‖",
  finished: "✓",
  failed: "✕",
  cancelled: "–",
};

/** The status of a run: a mark and a word, never colour alone. */
export function Status({ status }: { status: string }) {
  return (
    <span class={`status ${status}`}>
      <span aria-hidden="true">{MARKS[status] ?? "·"}</span> {status}
    </span>
  );
}
