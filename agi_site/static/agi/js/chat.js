/**
 * The chat page. The server renders every message; this script sends what is typed, follows the live stream and
 * shows the answer as it grows. Rows are the truth: whenever something does not fit, the message is fetched again.
 */
import { Composer } from "./chat/composer.js";
import { Older, Scroller } from "./chat/scroll.js";
import { Live } from "./chat/live.js";
import { Answers } from "./chat/answers.js";
import { watchSources } from "./chat/sources.js";
import { watchRuns } from "./chat/runs.js";
import { watchCards } from "./chat/cards.js";
import { watchKeys } from "./chat/keys.js";
import { watchPictures } from "./chat/pictures.js";

const chat = document.getElementById("chat");
const list = document.getElementById("messages");
const scroller = new Scroller(document.getElementById("to-latest"));
const answers = new Answers({ chat, list, scroller });
const composer = new Composer({ chat, list, answers, scroller });

watchSources(document.getElementById("source-popover"), list);
watchKeys({ chat, list, composer });
watchRuns(list);
watchPictures(list);
watchCards(list, answers);

if (chat.dataset.events) {
  const live = new Live({
    address: chat.dataset.events,
    after: list.querySelector("[data-event-id]")?.dataset.eventId,
    notice: document.getElementById("connection"),
    isBusy: () => answers.isRunning,
    onEvent: (name, data, id) => answers.take(name, data, id),
  });
  answers.onReload = (eventId) => live.restart(eventId);
}
if (chat.dataset.address) {
  new Older({ list, scroller });
  scroller.start();
}

// Panels below an answer (why, rating, versions): close, toggle, and come into view when they open.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") event.target.closest?.(".message-edit")?.querySelector("a.button").click();
});

document.addEventListener("click", (event) => {
  const closer = event.target.closest("[data-close-panel]");
  if (closer) closer.closest(".message-panel")?.replaceChildren();
});

for (const name of ["htmx:afterSettle", "htmx:oobAfterSwap"]) {
  document.body.addEventListener(name, (event) => {
    const panel = event.detail.target?.closest?.(".message-panel") ?? event.target.closest?.(".message-panel");
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    panel?.scrollIntoView({ block: "nearest", behavior: still ? "instant" : "smooth" });
  });
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const panel = event.detail.target;
  const opener = event.detail.elt;
  if (panel === list) return answers.changingHere();
  if (!panel?.classList.contains("message-panel")) return;
  const shown = panel.dataset.shows === opener.getAttribute("hx-get") && panel.childElementCount;
  panel.dataset.shows = opener.getAttribute("hx-get");
  if (!shown) return;
  event.preventDefault(); // asked for again: close it
  panel.replaceChildren();
});

// After HTMX replaced the stream (edit, regenerate), take stock of it again; it tells once per element.
let settled = false;
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target !== list || settled) return;
  settled = true;
  queueMicrotask(() => {
    settled = false;
    answers.changedHere();
  });
});
