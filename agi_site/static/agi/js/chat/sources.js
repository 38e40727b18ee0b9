/** A citation opens its passage in a small panel beside it; without this script it is a link to the passage's page. */
import { getHtml } from "./fetching.js";

const GAP = 8;

export function watchSources(panel, list) {
  list.addEventListener("click", async (event) => {
    const link = event.target.closest("a.citation, a.source");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const message = link.closest("[data-message]");
    const number = link.dataset.n;
    event.preventDefault();
    try {
      panel.innerHTML = await getHtml(`${message.dataset.address}sources/${number}/`);
    } catch {
      location.assign(link.href);
      return;
    }
    panel.showPopover();
    place(panel, link.getBoundingClientRect());
    panel.querySelector("a, button")?.focus({ preventScroll: true });
    panel.addEventListener("toggle", () => link.focus({ preventScroll: true }), { once: true });
  });
  window.addEventListener("scroll", () => panel.matches(":popover-open") && panel.hidePopover(), { passive: true });
}

function place(panel, link) {
  const { offsetWidth: width, offsetHeight: height } = panel;
  const below = link.bottom + GAP;
  const top = below + height < window.innerHeight ? below : Math.max(GAP, link.top - GAP - height);
  panel.style.top = `${top}px`;
  panel.style.left = `${Math.max(GAP, Math.min(link.left, window.innerWidth - width - GAP))}px`;
}
