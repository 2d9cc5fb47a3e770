import { visible } from "./visible";

/** A sentence of the server. Names in it that stand between backticks are shown as code. */
export function Sentence({ text }: { text: string }) {
  return (
    <span>
      {text
        .split("`")
        .map((part, place) =>
          place % 2 ? <code key={place}>{visible(part)}</code> : <span key={place}>{visible(part)}</span>,
        )}
    </span>
  );
}
