import type { ComponentType } from "preact";

/** One view of the page. `path` is its first part below /ui/; `scope` is what it needs; `key` follows `g`. */
export interface View {
  path: string;
  title: string;
  key: string;
  icon: string;
  scope: string;
  load: () => Promise<ComponentType>;
}

/** The views in the order of the navigation. The first is shown at /ui/. */
export const VIEWS: View[] = [
  {
    path: "chat",
    title: "Chat",
    key: "c",
    icon: "M4 5h16v11H9l-5 4z",
    scope: "read",
    load: async () => (await import("../views/chat/ChatView")).ChatView,
  },
  {
    path: "runs",
    title: "Runs",
    key: "r",
    icon: "M4 6h10M4 12h16M9 18h11",
    scope: "read",
    load: async () => (await import("../views/runs/RunsView")).RunsView,
  },
];
