import { Text } from "./Text";

/** A JSON value, indented. Text that is JSON is shown as such. */
export function Json({ value, label }: { value: unknown; label?: string }) {
  return <Text text={indented(value)} label={label} />;
}

function indented(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value, null, 2) ?? "";
  const first = value.trimStart()[0];
  if (first !== "{" && first !== "[") return value;
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}
