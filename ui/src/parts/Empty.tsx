import type { ComponentChildren } from "preact";
import { root } from "../shell/server";
import { asksForKeys } from "../shell/session";
import { CopyButton } from "./CopyButton";

/** What a view says where nothing is there yet: what to do next. */
export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** A request in curl, Python and JavaScript, with the address and the authentication of this server. */
export function Snippets({ path, body }: { path: string; body: unknown }) {
  const keyed = asksForKeys();
  return (
    <div class="snippets">
      {Object.entries(snippets(root + path, body, keyed)).map(([name, text]) => (
        <details key={name} open={name === "curl"}>
          <summary>{name}</summary>
          <pre tabIndex={0}>{text}</pre>
          <CopyButton text={text} />
        </details>
      ))}
    </div>
  );
}

function snippets(url: string, body: unknown, keyed: boolean): Record<string, string> {
  const text = JSON.stringify(body);
  const curlKey = keyed ? ` \\\n  -H "Authorization: Bearer $JOURNEYMAN_KEY"` : "";
  const key = keyed ? `{"Authorization": "Bearer " + os.environ["JOURNEYMAN_KEY"]}` : "";
  return {
    curl: `curl ${url}${curlKey} \\\n  -H 'Content-Type: application/json' \\\n  -d '${text.replaceAll("'", "'\\''")}'`,
    Python: [
      "import json, os, urllib.request",
      "",
      `request = urllib.request.Request("${url}", json.dumps(${pythonOf(body)}).encode())`,
      `request.headers = {"Content-Type": "application/json"${keyed ? `, **${key}` : ""}}`,
      "print(urllib.request.urlopen(request).read().decode())",
    ].join("\n"),
    JavaScript: [
      `const answer = await fetch("${url}", {`,
      '  method: "POST",',
      `  headers: { "content-type": "application/json"${keyed ? ", authorization: `Bearer ${process.env.JOURNEYMAN_KEY}`" : ""} },`,
      `  body: JSON.stringify(${text}),`,
      "});",
      "console.log(await answer.json());",
    ].join("\n"),
  };
}

function pythonOf(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${pythonOf(each)}`);
  return `{${fields.join(", ")}}`;
}
