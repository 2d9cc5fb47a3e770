import { signal } from "@preact/signals";

const KEY = "journeyman.theme";
export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const kept = localStorage.getItem(KEY);
export const theme = signal<Theme>(THEMES.find((each) => each === kept) ?? "system");

/** Show the page in its theme. */
export function applyTheme(): void {
  if (theme.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}

export function setTheme(value: Theme): void {
  theme.value = value;
  localStorage.setItem(KEY, value);
  applyTheme();
}
