import { useState } from "preact/hooks";
import { CopyButton } from "./CopyButton";
import { visible } from "./visible";

const SHOWN = 4000;
const MORE = 100_000;

/** Foreign text exactly as it is: never as markup, hidden characters visible, long text cut until more is asked for. */
export function Text({ text, label }: { text: string; label?: string }) {
  const [shown, setShown] = useState(SHOWN);
  return (
    <section class="text" aria-label={label ?? "Text"}>
      <pre tabIndex={0}>
        {visible(text.slice(0, shown))}
        {text.length > shown && "…"}
      </pre>
      {text.length > SHOWN && (
        <p class="quiet">
          {text.length.toLocaleString()} characters.{" "}
          {text.length > shown && (
            <button type="button" class="plain" onClick={() => setShown(shown + MORE)}>
              Show more
            </button>
          )}
          <CopyButton text={text} label="Copy all" />
        </p>
      )}
    </section>
  );
}
