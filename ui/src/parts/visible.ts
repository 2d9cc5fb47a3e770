// Marks of direction, zero-width and tag characters, and control characters but for tab and line feed.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]|[\u{e0000}-\u{e007f}]/gu;

/** Return text in which characters that nobody sees, or that turn the text around, are written as escapes. */
export function visible(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(HIDDEN, escaped);
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code === 0x1b) return "␛";
  return `\\u{${code.toString(16)}}`;
}

/**
 * Return a JSON value as text that a person edits: what `visible` escapes is written as JSON escapes, so the text shows
 * what it holds and still means the same.
 */
export function editableJson(value: unknown): string {
  return (JSON.stringify(value, null, 2) ?? "").replace(HIDDEN, jsonEscaped);
}

function jsonEscaped(character: string): string {
  return [...Array(character.length).keys()]
    .map((place) => `\\u${character.charCodeAt(place).toString(16).padStart(4, "0")}`)
    .join("");
}
