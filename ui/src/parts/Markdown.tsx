import { useEffect, useRef, useState } from "preact/hooks";
import { Text } from "./Text";
import { visible } from "./visible";

const LONGEST = 100_000;
const BETWEEN_MS = 120; // between two pictures of a text that grows
let renderer: Promise<(text: string) => string> | null = null;

/** Text of a model as Markdown. HTML in it is shown as text; nothing is loaded from elsewhere. */
export function Markdown({ text }: { text: string }) {
  const [html, setHtml] = useState<string | null>(null);
  const rendered = useRef(0);
  const long = text.length > LONGEST;
  useEffect(() => {
    if (long) return;
    let current = true;
    renderer ??= import("./markdownRenderer").then((module) => module.render);
    const show = () =>
      renderer?.then((render) => {
        if (!current) return;
        rendered.current = performance.now();
        setHtml(render(visible(text)));
      });
    const timer = setTimeout(show, Math.max(0, rendered.current + BETWEEN_MS - performance.now()));
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text, long]);
  if (long) return <Text text={text} />;
  if (html === null) return <p class="markdown plain-text">{visible(text)}</p>;
  return <div class="markdown" dangerouslySetInnerHTML={{ __html: html }} />;
}
