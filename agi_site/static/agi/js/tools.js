/** Pages of tools: a run that goes on is followed, its output shown as it comes; at its end the server's rendering. */
import { elementsOf, getHtml } from "./chat/fetching.js";
import { Live } from "./chat/live.js";
import { localize } from "./times.js";

const EVENTS = ["started", "output", "ended", "reset"];
const LOOK_MS = 2000; // consent may be given elsewhere, and a plan's end is told to the row only
const SHOWN_CHARACTERS = 200_000;
const followed = new WeakSet();

function follow(run) {
  if (followed.has(run)) return;
  followed.add(run);
  const output = run.querySelector("[data-output]");
  const live = new Live({
    address: run.dataset.events,
    after: run.dataset.after || undefined,
    events: EVENTS,
    isBusy: () => true,
    onEvent: (name, data) => {
      if (name === "output" && output.textContent.length < SHOWN_CHARACTERS) {
        output.hidden = false;
        output.append(data.text);
        output.scrollTop = output.scrollHeight;
      } else if (name === "ended" || name === "reset") renew();
    },
  });
  const timer = setInterval(() => !writing(run) && output.hidden && renew(), LOOK_MS);

  async function renew() {
    if (!run.isConnected) return stop();
    try {
      const fresh = elementsOf(await getHtml(run.dataset.address)).querySelector("[data-run]");
      if (!run.isConnected) return;
      if (fresh.outerHTML.length === run.dataset.length * 1 && "live" in fresh.dataset) return;
      stop();
      fresh.dataset.length = fresh.outerHTML.length;
      run.replaceWith(fresh);
      localize(fresh);
      window.htmx?.process(fresh);
      look(document);
      if (!("live" in fresh.dataset)) reloadHistory();
    } catch (error) {
      if (error.status === 404) stop();
    }
  }

  function stop() {
    clearInterval(timer);
    live.close();
  }
}

/** Somebody is filling in the form of an approval there. */
const writing = (run) => run.contains(document.activeElement) || run.querySelector("details[open]") !== null;

function reloadHistory() {
  if (document.getElementById("history")) {
    window.htmx.ajax("GET", location.pathname, { target: "#history", swap: "innerHTML" });
  }
}

function look(root) {
  for (const run of root.querySelectorAll("[data-run][data-live]")) follow(run);
}

// Faults of an earlier try do not stand beside a new one.
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id !== "try-form") return;
  for (const fault of event.target.querySelectorAll(".errorlist, .callout-danger")) fault.remove();
  for (const field of event.target.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
});

look(document);
document.body.addEventListener("htmx:load", () => look(document));
