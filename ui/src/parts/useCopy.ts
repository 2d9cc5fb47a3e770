import { useEffect, useState } from "preact/hooks";

const SHOWN_MS = 1500;

/** Copy text to the clipboard, and know for a moment that it was. */
export function useCopy(): { copied: boolean; copy: (text: string) => void } {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = (text: string) => {
    // Without HTTPS and off this machine a browser has no clipboard for pages; the selection is the old way.
    const done = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
    done.catch(() => copyBySelection(text)).then(() => setCopied(true));
  };
  return { copied, copy };
}

function copyBySelection(text: string): void {
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
