// Runs before the first paint, so that the page never flashes in the other theme. The page itself keeps
// data-theme right from then on (src/state/theme.ts).
(() => {
  let theme = "system";
  try {
    theme = localStorage.getItem("clew.theme") || theme;
  } catch {
    // No storage: the system's theme it is.
  }
  if (theme !== "light" && theme !== "dark") {
    theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  document.documentElement.dataset.theme = theme;
})();
