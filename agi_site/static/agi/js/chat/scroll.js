/** Scrolling: stay at the end while an answer grows, unless the reader went up; load older messages at the top. */
import { localize } from "../times.js";
import { elementsOf, getHtml } from "./fetching.js";

const NEAR_PX = 140;
const page = document.scrollingElement;

export class Scroller {
  constructor(button) {
    this.button = button;
    this.atEnd = true;
    window.addEventListener("scroll", () => this.#look(), { passive: true });
    window.addEventListener("resize", () => this.follow());
    new ResizeObserver(() => this.#nearEnd() && this.#look()).observe(document.body); // it may have become shorter
    button?.addEventListener("click", () => this.toEnd("smooth"));
  }

  /** At first the newest message is in view, or the one the address names. */
  start() {
    history.scrollRestoration = "manual";
    if (location.hash && document.querySelector(location.hash)) return;
    this.toEnd();
  }

  toEnd(behavior = "instant") {
    page.scrollTo({ top: page.scrollHeight, behavior });
    this.atEnd = true;
  }

  follow() {
    if (this.atEnd) page.scrollTo({ top: page.scrollHeight, behavior: "instant" });
  }

  /** Runs `change`, which adds something above, without moving what the reader sees. */
  async keep(change) {
    const fromEnd = page.scrollHeight - page.scrollTop;
    await change();
    page.scrollTo({ top: page.scrollHeight - fromEnd, behavior: "instant" });
  }

  #nearEnd() {
    return page.scrollHeight - page.scrollTop - window.innerHeight < NEAR_PX;
  }

  #look() {
    this.atEnd = this.#nearEnd();
    if (this.button) this.button.hidden = this.atEnd;
  }
}

export class Older {
  constructor({ list, scroller }) {
    Object.assign(this, { list, scroller });
    this.watcher = new IntersectionObserver((seen) => this.#seen(seen), { rootMargin: "600px 0px 0px" });
    new MutationObserver(() => this.#watch()).observe(list, { childList: true });
    requestAnimationFrame(() => requestAnimationFrame(() => this.#watch()));
    list.addEventListener("click", (event) => {
      const place = event.target.closest("[data-older] a") && event.target.closest("[data-older]");
      if (!place) return;
      event.preventDefault();
      this.#load(place);
    });
  }

  #watch() {
    this.watcher.disconnect();
    const place = this.list.querySelector("[data-older]");
    if (place) this.watcher.observe(place);
  }

  #seen(seen) {
    if (seen.some((entry) => entry.isIntersecting)) this.#load(seen[0].target);
  }

  async #load(place) {
    if (place.dataset.loading) return;
    place.dataset.loading = "1";
    try {
      const html = await getHtml(place.dataset.older, "messages");
      await this.scroller.keep(() => {
        const fresh = elementsOf(html);
        localize(fresh);
        const rows = [...fresh.children];
        place.replaceWith(...rows);
        for (const row of rows) window.htmx?.process(row);
      });
    } catch {
      delete place.dataset.loading; // its link stays, to be tried by hand
    }
  }
}
