import type { ComponentType } from "preact";

/** One view of the page. `path` is its first part below /ui/; `scope` is what it needs, empty: nothing; `key` follows `g`. */
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
    path: "threads",
    title: "Threads",
    key: "t",
    icon: "M4 4h12v9H8l-4 3zM16 9h4v11l-4-3h-6v-2",
    scope: "read",
    load: async () => (await import("../views/threads/ThreadsView")).ThreadsView,
  },
  {
    path: "runs",
    title: "Runs",
    key: "r",
    icon: "M4 6h10M4 12h16M9 18h11",
    scope: "read",
    load: async () => (await import("../views/runs/RunsView")).RunsView,
  },
  {
    path: "graph",
    title: "Graph",
    key: "g",
    icon: "M9 3h6v5H9zM3 16h6v5H3zM15 16h6v5h-6zM12 8v4M6 16v-4h12v4",
    scope: "read",
    load: async () => (await import("../views/graph/GraphView")).GraphView,
  },
  {
    path: "approvals",
    title: "Approvals",
    key: "a",
    icon: "M4 12l5 5L20 6",
    scope: "approve",
    load: async () => (await import("../views/approvals/ApprovalsView")).ApprovalsView,
  },
  {
    path: "tools",
    title: "Tools",
    key: "o",
    icon: "M14 7a4 4 0 0 0 5 5l-8 8-4-4 8-8zM14 7l3-3",
    scope: "read",
    load: async () => (await import("../views/tools/ToolsView")).ToolsView,
  },
  {
    path: "agents",
    title: "Agents",
    key: "e",
    icon: "M5 8h14v11H5zM12 8V4M9 13h.01M15 13h.01",
    scope: "read",
    load: async () => (await import("../views/agents/AgentsView")).AgentsView,
  },
  {
    path: "overview",
    title: "Overview",
    key: "v",
    icon: "M4 20V4M4 20h16M8 16v-4M12 16V8M16 16v-6",
    scope: "read",
    load: async () => (await import("../views/overview/OverviewView")).OverviewView,
  },
  {
    path: "settings",
    title: "Settings",
    key: "s",
    icon: "M4 7h10M18 7h2M4 17h2M10 17h10M14 5v4M6 15v4",
    scope: "",
    load: async () => (await import("../views/settings/SettingsView")).SettingsView,
  },
  {
    path: "reference",
    title: "API",
    key: "p",
    icon: "M8 6l-5 6 5 6M16 6l5 6-5 6M13 4l-2 16",
    scope: "read",
    load: async () => (await import("../views/reference/ReferenceView")).ReferenceView,
  },
];
