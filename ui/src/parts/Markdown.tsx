import { useEffect, useState } from "preact/hooks";
import { Text } from "./Text";
import { visible } from "./visible";

const LONGEST = 100_000;
let renderer: Promise<(text: string) => string> | null = null;

/** Text of a model as Markdown. HTML in it is shown as text; nothing is loaded from elsewhere. */
export function Markdown({ text }: { text: string }) {
  const [html, setHtml] = useState<string | null>(null);
  const long = text.length > LONGEST;
  useEffect(() => {
    if (long) return;
    let current = true;
    renderer ??= import("./markdownRenderer").then((module) => module.render);
    renderer.then((render) => current && setHtml(render(visible(text))));
    return () => {
      current = false;
    };
  }, [text, long]);
  if (long) return <Text text={text} />;
  if (html === null) return <p class="markdown plain-text">{visible(text)}</p>;
  return <div class="markdown" dangerouslySetInnerHTML={{ __html: html }} />;
}
