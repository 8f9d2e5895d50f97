export type Theme = "system" | "light" | "dark";

export function themeNow(): Theme {
  const set = document.documentElement.dataset.theme;
  return set === "light" || set === "dark" ? set : "system";
}

export function setTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("edge.theme", theme);
  } catch {
    // No storage: it holds as long as the page.
  }
  dispatchEvent(new Event("edge-theme"));
}
