import { useCopy } from "./useCopy";
import { visible } from "./visible";

const SHOWN = 14;

/** An id, shortened, that a click copies whole. */
export function Id({ value }: { value: string }) {
  const { copied, copy } = useCopy();
  const shown = value.length > SHOWN + 3 ? `${value.slice(0, SHOWN)}…` : value;
  return (
    <button type="button" class="id" title={`Copy ${visible(value)}`} onClick={() => copy(value)}>
      <span>{visible(shown)}</span>
      <span class="said" role="status">
        {copied ? "copied" : ""}
      </span>
    </button>
  );
}
