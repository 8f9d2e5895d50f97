// Sets the theme before the first paint; a file of its own, since inline scripts are barred.
try {
  const kept = localStorage.getItem("edge.theme");
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
} catch {
  // No storage: the system's theme holds.
}
