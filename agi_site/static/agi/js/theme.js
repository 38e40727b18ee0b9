/** Light, dark or like the system: applied at once, kept in a cookie that the server reads on the next page. */
const YEAR = 365 * 24 * 3600;

document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-theme-form]");
  if (!form || !event.submitter) return;
  event.preventDefault();
  choose(event.submitter.value);
});

function choose(theme) {
  const root = document.documentElement;
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  const life = theme === "auto" ? 0 : YEAR;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `agi_theme=${theme}; path=/; max-age=${life}; samesite=lax${secure}`;
  for (const button of document.querySelectorAll("[data-theme-form] button[aria-pressed]")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
  for (const button of document.querySelectorAll("[data-theme-form] .icon-button")) {
    button.value = theme === "dark" ? "light" : "dark";
  }
}
