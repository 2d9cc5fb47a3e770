import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

/** A key, or two in turn such as `g r`, and what it does. */
export interface Shortcut {
  keys: string;
  does: string;
  run: (event: KeyboardEvent) => void;
}

const shortcuts = signal<Shortcut[]>([]);
export const listed = shortcuts;
const TOGETHER_MS = 1200;
let first = "";
let since = 0;

/** Offer shortcuts while a component is shown. Text fields keep their keys, but for those with Ctrl or Escape. */
export function useShortcuts(own: Shortcut[]): void {
  const current = useRef(own);
  current.current = own;
  const names = own.map((each) => each.keys).join();
  useEffect(() => {
    const offered = current.current.map((each, place) => ({
      ...each,
      run: (event: KeyboardEvent) => current.current[place]?.run(event),
    }));
    shortcuts.value = [...shortcuts.value, ...offered];
    return () => {
      shortcuts.value = shortcuts.value.filter((each) => !offered.includes(each));
    };
  }, [names]);
}

/** Run the shortcuts of keys that are pressed anywhere on the page. */
export function watchKeyboard(): () => void {
  const pressed = (event: KeyboardEvent) => {
    if (event.altKey || event.metaKey || event.isComposing) return;
    if (event.target instanceof Element && event.target.closest("dialog[open]")) return;
    const key = event.ctrlKey ? `Ctrl+${event.key}` : event.key;
    if (isTyping(event.target) && !event.ctrlKey && key !== "Escape") return;
    const pair = event.timeStamp - since < TOGETHER_MS ? `${first} ${key}` : "";
    const found = shortcuts.value.findLast((each) => each.keys === pair || each.keys === key);
    first = found ? "" : key;
    since = event.timeStamp;
    if (!found) return;
    event.preventDefault();
    found.run(event);
  };
  addEventListener("keydown", pressed);
  return () => removeEventListener("keydown", pressed);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
