import type { Schemas } from "@journeyman/client";
import { useEffect, useState } from "preact/hooks";
import { visible } from "../../parts/visible";
import { type Layout, layoutOf, type PlacedEdge, type PlacedNode } from "./layout";
import type { Visits } from "./visits";

interface Props {
  graph: Schemas["GraphPicture"];
  visits: Visits | null;
  /** Opens what a run did in a node; null: there is no run. */
  open: ((node: string) => void) | null;
}

/** The graph as a picture: nodes in layers, edges with their conditions, and what a run has visited. */
export function Drawing({ graph, visits, open }: Props) {
  const [layout, setLayout] = useState<Layout | null>(null);
  useEffect(() => {
    let current = true;
    layoutOf(graph).then((made) => current && setLayout(made));
    return () => {
      current = false;
    };
  }, [graph]);
  if (!layout) return <div class="drawing" aria-busy="true" />;
  return (
    <div class="drawing">
      <svg
        viewBox={`0 0 ${layout.width} ${layout.height}`}
        style={{ maxWidth: `${layout.width * 1.25}px` }}
        role="group"
        aria-label="The graph. The list below it has the same as text."
      >
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">
            <path d="M0 0 8 4 0 8z" />
          </marker>
        </defs>
        {layout.edges.map((edge) => (
          <Edge key={edge.key} edge={edge} count={visits?.edges[`${edge.from} ${edge.to}`] ?? 0} />
        ))}
        {layout.nodes.map((node) => (
          <Node
            key={node.id}
            node={node}
            count={visits?.nodes[node.id] ?? 0}
            now={visits?.now.has(node.id) ?? false}
            open={node.id === "end" ? null : open}
          />
        ))}
      </svg>
    </div>
  );
}

function Edge({ edge, count }: { edge: PlacedEdge; count: number }) {
  return (
    <g class={`edge ${edge.kind}${count ? " visited" : ""}`}>
      <path d={edge.path} marker-end="url(#arrow)">
        <title>{edge.title}</title>
      </path>
      {(edge.label || count > 0) && (
        <text x={edge.x} y={edge.y} text-anchor="middle">
          {count > 0 && `${count}× `}
          {visible(edge.label)}
        </text>
      )}
    </g>
  );
}

interface NodeProps {
  node: PlacedNode;
  count: number;
  now: boolean;
  open: ((node: string) => void) | null;
}

function Node({ node, count, now, open }: NodeProps) {
  const go = open ? () => open(node.id) : undefined;
  return (
    <g
      class={`node${count ? " visited" : ""}${now ? " now" : ""}${node.id === "end" ? " end" : ""}`}
      transform={`translate(${node.x - node.width / 2} ${node.y - node.height / 2})`}
      role={go ? "button" : undefined}
      tabIndex={go ? 0 : undefined}
      onClick={go}
      onKeyDown={(event) => {
        if (go && (event.key === "Enter" || event.key === " ")) {
          event.preventDefault();
          go();
        }
      }}
    >
      <rect width={node.width} height={node.height} rx={8} />
      <text x={node.width / 2} y={node.type ? 20 : 25} text-anchor="middle" class="node-name">
        {visible(node.id)}
      </text>
      {node.type && (
        <text x={node.width / 2} y={36} text-anchor="middle" class="node-type">
          {node.type}
          {count > 0 && ` · ${count}×`}
          {now && " · now"}
        </text>
      )}
    </g>
  );
}
