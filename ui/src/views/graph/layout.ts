import type { Schemas } from "@journeyman/client";

export interface PlacedNode {
  id: string;
  type: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PlacedEdge {
  key: string;
  from: string;
  to: string;
  kind: string;
  path: string;
  /** What is written on it, cut; `title` has all of it. */
  label: string;
  title: string;
  x: number;
  y: number;
}

export interface Layout {
  width: number;
  height: number;
  nodes: PlacedNode[];
  edges: PlacedEdge[];
}

const CHARACTER = 8.2;
const LABEL = 34;
const MARGIN = 16;

/** Place nodes and edges, by layers from top to bottom. The layout library is loaded with the first graph. */
export async function layoutOf(picture: Schemas["GraphPicture"]): Promise<Layout> {
  const { Graph, layout } = await import("@dagrejs/dagre").then((module) => ({
    Graph: (module.default ?? module).graphlib.Graph,
    layout: (module.default ?? module).layout,
  }));
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 40, ranksep: 56, marginx: MARGIN, marginy: MARGIN });
  const nodes = [...picture.nodes, { id: "end", type: "" }];
  for (const node of nodes)
    graph.setNode(node.id, { width: Math.max(90, node.id.length * CHARACTER + 28), height: node.type ? 46 : 36 });
  picture.edges.forEach((edge, place) => {
    const label = labelOf(edge);
    graph.setEdge(
      edge.from,
      edge.to,
      { width: label.length * 6, height: label ? 16 : 0, labelpos: "c" },
      String(place),
    );
  });
  layout(graph);
  const whole = graph.graph();
  return {
    width: whole.width ?? 0,
    height: whole.height ?? 0,
    nodes: nodes.map((node) => ({ ...node, ...placeOf(graph.node(node.id)) })),
    edges: picture.edges.map((edge, place) => {
      const made = graph.edge(edge.from, edge.to, String(place));
      const points = made.points ?? [];
      const middle = points[Math.floor(points.length / 2)] ?? { x: 0, y: 0 };
      return {
        key: `${edge.from} ${edge.to} ${place}`,
        from: edge.from,
        to: edge.to,
        kind: edge.kind ?? "",
        path: pathOf(points),
        label: labelOf(edge),
        title: `${edge.from} to ${edge.to}${edge.when ? ` when ${edge.when}` : ""}`,
        x: made.x ?? middle.x,
        y: (made.y ?? middle.y) + 4,
      };
    }),
  };
}

function placeOf(node: { x?: number; y?: number; width?: number; height?: number }) {
  return { x: node.x ?? 0, y: node.y ?? 0, width: node.width ?? 0, height: node.height ?? 0 };
}

function labelOf(edge: Schemas["GraphEdge"]): string {
  const text = edge.when ?? (edge.kind ?? "").replace("_", " ");
  return text.length > LABEL ? `${text.slice(0, LABEL - 1)}…` : text;
}

function pathOf(points: { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  const last = rest.at(-1) ?? first;
  const middle = rest.slice(0, -1);
  const curves = middle.map((point, place) => {
    const next = middle[place + 1] ?? last;
    return `Q${point.x} ${point.y} ${(point.x + next.x) / 2} ${(point.y + next.y) / 2}`;
  });
  return `M${first.x} ${first.y} ${curves.join(" ")} L${last.x} ${last.y}`;
}
