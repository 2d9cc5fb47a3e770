import type { Schemas } from "@journeyman/client";

type Tool = Schemas["ToolAnswer"];

/** Tools of one place: a person's code, an MCP server, or the document of an API. */
export interface Source {
  key: string;
  title: string;
  tools: Tool[];
}

const MCP = /^MCP server (.+)$/;
const DOCUMENT = /^(.+\.(?:ya?ml|json))(?::\d+)?$/;

/** Return where a tool comes from. */
export function sourceOf(tool: Pick<Tool, "source">): { key: string; title: string } {
  const server = MCP.exec(tool.source)?.[1];
  if (server) return { key: `mcp:${server}`, title: `MCP server ${server}` };
  const document = DOCUMENT.exec(tool.source)?.[1];
  if (document) return { key: `openapi:${document}`, title: `Operations of ${document}` };
  return { key: "code", title: "Code" };
}

/** Return tools by their source: code first, each in the order of the list. */
export function bySource(tools: Tool[]): Source[] {
  const found = new Map<string, Source>();
  for (const tool of tools) {
    const { key, title } = sourceOf(tool);
    const source = found.get(key) ?? { key, title, tools: [] };
    source.tools.push(tool);
    found.set(key, source);
  }
  return [...found.values()].sort((one, other) => Number(other.key === "code") - Number(one.key === "code"));
}
