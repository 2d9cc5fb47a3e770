import { Icon } from "./Icon";
import { useCopy } from "./useCopy";

/** A button that copies a text. */
export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const { copied, copy } = useCopy();
  return (
    <button type="button" class="plain" onClick={() => copy(text)}>
      <Icon path="M8 8h12v12H8zM16 8V4H4v12h4" />
      <span role="status">{copied ? "Copied" : label}</span>
    </button>
  );
}
