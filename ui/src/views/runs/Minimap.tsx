import { useEffect, useRef } from "preact/hooks";
import type { Step } from "../../run/foldRun";
import { type Axis, placeOf } from "./Waterfall";

const HEIGHT = 56;
const COLOURS: Record<Step["kind"], string> = {
  model: "--model",
  tool: "--tool",
  node: "--node",
  wait: "--wait",
};

interface Props {
  steps: Step[];
  axis: Axis;
  seen: [number, number];
  choose: (place: number) => void;
}

/** All steps of a long run at a glance. A click goes to the step there; the frame is what the list shows. */
export function Minimap({ steps, axis, seen: [first, last], choose }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) draw(canvas.current, steps, axis);
  }, [steps, axis.begin, axis.length]);
  const share = (rows: number) => `${(Math.max(0, rows) / steps.length) * 100}%`;
  return (
    <div class="minimap">
      <canvas
        ref={canvas}
        height={HEIGHT}
        role="img"
        aria-label={`All ${steps.length} steps. The list below has them by name.`}
        onClick={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          choose(Math.min(steps.length - 1, Math.floor(((event.clientY - box.top) / box.height) * steps.length)));
        }}
      />
      <div class="minimap-seen" style={{ top: share(first), height: `max(3px, ${share(last - first)})` }} />
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, steps: Step[], axis: Axis): void {
  const width = canvas.clientWidth;
  if (canvas.width !== width) canvas.width = width;
  const context = canvas.getContext("2d");
  if (!context) return;
  const style = getComputedStyle(canvas);
  context.clearRect(0, 0, width, HEIGHT);
  const row = HEIGHT / steps.length;
  for (const kind of Object.keys(COLOURS) as Step["kind"][]) {
    context.fillStyle = style.getPropertyValue(COLOURS[kind]) || style.color;
    steps.forEach((step, place) => {
      if (step.kind !== kind) return;
      const at = placeOf(step, axis);
      context.fillRect(at.left * width, place * row, Math.max(2, at.width * width), Math.max(1, row));
    });
  }
}
