import { CopyButton } from "../../parts/CopyButton";

/** The secret of a new key. It is shown once: the server keeps only its hash, and the page nothing. */
export function Secret({ value, close }: { value: string | null; close: () => void }) {
  return (
    <div class="stack" role="status">
      <p>
        <strong>Copy the key now.</strong> It is shown only this once: the server keeps its hash alone.
      </p>
      <pre tabIndex={0}>{value ?? "The key was made by an earlier request, which had the secret."}</pre>
      <div class="row">
        {value && <CopyButton text={value} label="Copy the key" />}
        <button type="button" class="primary" onClick={close}>
          I have it
        </button>
      </div>
    </div>
  );
}
