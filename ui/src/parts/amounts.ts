const WHOLE = new Intl.NumberFormat();

/** Return a whole number with separators. */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** Return a number with its noun: `1 run`, `2 runs`. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${WHOLE.format(value)} ${value === 1 ? noun : plural}`;
}

/** Return dollars: `$0.0012`, `$1.20`; null and undefined are a dash. */
export function dollars(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return `$${value !== 0 && Math.abs(value) < 0.01 ? value.toFixed(5) : value.toFixed(2)}`;
}
