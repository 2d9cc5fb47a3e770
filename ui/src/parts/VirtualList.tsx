import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

interface Props {
  count: number;
  /** The height of each row, in pixels. */
  row: number;
  label: string;
  /** The row that is kept in sight when it changes; -1: none. */
  shown: number;
  children: (index: number) => ComponentChildren;
  scrolled?: (first: number, last: number) => void;
}

const BEYOND = 4;

/** A list of rows of one height, of which only those in sight are in the document.
 *
 * Rows have no keys: while the list scrolls, their elements are used again for other rows. */
export function VirtualList({ count, row, label, shown, children, scrolled }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ first: 0, last: 30 });
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    let planned = 0;
    const measure = () => {
      planned = 0;
      const first = Math.floor(element.scrollTop / row);
      const last = first + Math.ceil(element.clientHeight / row);
      setRange((now) => (now.first === first && now.last === last ? now : { first, last }));
    };
    const plan = () => {
      planned ||= requestAnimationFrame(measure);
    };
    const sized = new ResizeObserver(plan);
    sized.observe(element);
    element.addEventListener("scroll", plan, { passive: true });
    return () => {
      cancelAnimationFrame(planned);
      sized.disconnect();
      element.removeEventListener("scroll", plan);
    };
  }, [row]);
  useEffect(() => scrolled?.(range.first, range.last), [range, scrolled]);
  useEffect(() => {
    const element = box.current;
    if (!element || shown < 0) return;
    const top = shown * row;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + row > element.scrollTop + element.clientHeight) element.scrollTop = top + row - element.clientHeight;
  }, [shown, row]);
  const first = Math.max(0, Math.min(range.first - BEYOND, count - 1));
  const last = Math.min(count - 1, range.last + BEYOND);
  const indexes = Array.from({ length: Math.max(0, last - first + 1) }, (_, place) => first + place);
  return (
    <div class="virtual" ref={box} role="listbox" aria-label={label} tabIndex={0}>
      <div class="virtual-all" style={{ height: `${count * row}px` }}>
        <div class="virtual-shown" style={{ transform: `translateY(${first * row}px)` }}>
          {indexes.map(children)}
        </div>
      </div>
    </div>
  );
}
