import { visible } from "./visible";

const SHOWN = 60;

interface Props {
  before: unknown;
  after: unknown;
  /** What is said if nothing differs. */
  none: string;
  /** Paths whose differences do not count. */
  ignored?: string[];
}

/** What differs between two JSON values, by path: added, removed, changed. */
export function Changes({ before, after, none, ignored = [] }: Props) {
  const changes = differences(before, after).filter((each) => !ignored.includes(each.path));
  if (changes.length === 0) return <p class="quiet">{none}</p>;
  return (
    <ul class="changes">
      {changes.slice(0, SHOWN).map((each) => (
        <li key={each.path}>
          <code>{visible(each.path)}</code>
          {each.before !== undefined && (
            <del>
              <span class="hidden-label">was </span>
              {short(each.before)}
            </del>
          )}
          {each.after !== undefined && (
            <ins>
              <span class="hidden-label">is </span>
              {short(each.after)}
            </ins>
          )}
        </li>
      ))}
      {changes.length > SHOWN && <li class="quiet">and {changes.length - SHOWN} more</li>}
    </ul>
  );
}

export interface Difference {
  path: string;
  before: unknown;
  after: unknown;
}

/** Return the differences of two JSON values by path. Lists are compared place by place. */
export function differences(before: unknown, after: unknown, path = ""): Difference[] {
  if (Object.is(before, after)) return [];
  if (!isTree(before) || !isTree(after) || Array.isArray(before) !== Array.isArray(after))
    return [{ path: path || "(all)", before, after }];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) => {
    const below = path ? `${path}.${name}` : name;
    const [old, now] = [(before as Tree)[name], (after as Tree)[name]];
    if (old === undefined || now === undefined) return old === now ? [] : [{ path: below, before: old, after: now }];
    return differences(old, now, below);
  });
}

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null;
}

function short(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return visible(text.length > 400 ? `${text.slice(0, 400)}…` : text);
}
