/** Messages that come and go: good news leaves by itself, errors stay until dismissed. */
const LINGER_MS = 6000;
const place = document.getElementById("toasts");

/** Shows a message; `level` is info, success, warning or error. */
export function toast(text, level = "info") {
  const shown = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  shown.className = `toast toast-${level}`;
  shown.dataset.toast = level;
  shown.querySelector("p").textContent = text;
  place.append(shown);
  leaveLater(shown);
}

function leaveLater(shown) {
  if (shown.dataset.toast === "error" || shown.dataset.toast === "warning") return;
  let timer = setTimeout(() => shown.remove(), LINGER_MS);
  shown.addEventListener("pointerenter", () => clearTimeout(timer));
  shown.addEventListener("pointerleave", () => (timer = setTimeout(() => shown.remove(), LINGER_MS / 2)));
}

document.addEventListener("click", (event) => {
  event.target.closest("[data-close-toast]")?.closest("[data-toast]").remove();
});

// What an HTMX request could not do is said, never swallowed.
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  let text = xhr.getResponseHeader("X-Problem") || "";
  if (text) text = decodeURIComponent(text);
  toast(text || document.body.dataset.failed, "error");
});
document.addEventListener("htmx:sendError", () => toast(document.body.dataset.offline, "error"));

for (const shown of document.querySelectorAll("[data-toast]")) leaveLater(shown);
