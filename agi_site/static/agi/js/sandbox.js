/**
 * A sandbox's page. Its head follows the live stream; what a tab shows is fetched again when the sandbox begins or
 * ceases to run, unless somebody is writing there.
 */
import { Live } from "./chat/live.js";

const root = document.getElementById("sandbox");
const EVENTS = ["status", "event", "usage", "execution", "files", "reset"];
const SETTLE_MS = 150;
const BUSY_MS = 2000;

new Live({
  address: root.dataset.events,
  after: root.dataset.after || undefined,
  events: EVENTS,
  isBusy: () => root.dataset.tab === "terminal",
  onEvent: (name, data) => {
    root.dispatchEvent(new CustomEvent(`sandbox:${name}`, { detail: data }));
    if (name === "status" || name === "reset") changed();
    if (name === "event" && root.dataset.tab === "events") later(reloadTab);
    if (name === "files" && root.dataset.tab === "files") later(reloadListing);
    if (name === "execution" && root.dataset.tab === "executions") later(reloadHistory);
  },
});

// on a phone the tabs scroll: the open one is to be seen
document.querySelector(".sandbox-page > .tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

const timers = new Map();

/** Several events in a row ask for one look. */
function later(work) {
  clearTimeout(timers.get(work));
  timers.set(work, setTimeout(work, SETTLE_MS));
}

function changed() {
  later(reloadHead);
}

async function reloadHead() {
  const before = document.getElementById("sandbox-head");
  const was = before.dataset.status + before.dataset.verb;
  const focused = before.contains(document.activeElement);
  if (before.querySelector("details[open]")) return;
  await htmx.ajax("GET", root.dataset.head, { target: "#sandbox-head", swap: "outerHTML" });
  const now = document.getElementById("sandbox-head");
  if (focused) now.querySelector("button")?.focus();
  if (was !== now.dataset.status + now.dataset.verb) reloadTab();
}

function reloadTab() {
  const tab = document.getElementById("tab");
  if (tab.querySelector("[data-editor]") || tab.querySelector("details[open]")) return;
  if (tab.querySelector("#terminal") && document.getElementById("sandbox-head").dataset.status === "running") return;
  const writing = [...tab.querySelectorAll("textarea, input[type=text], input[type=number]")].some(
    (field) => field.value !== field.defaultValue,
  );
  if (!writing) htmx.ajax("GET", location.pathname + location.search, { target: "#tab", swap: "innerHTML" });
}

function reloadListing() {
  reload("listing", reloadListing);
}

function reloadHistory() {
  reload("history", reloadHistory);
}

/** Whoever is in a list by keyboard, or has a menu open there, is not thrown out of it. */
function reload(id, again) {
  const list = document.getElementById(id);
  if (!list) return;
  if (list.contains(document.activeElement) || list.querySelector("details[open]")) {
    clearTimeout(timers.get(again));
    timers.set(again, setTimeout(again, BUSY_MS));
    return;
  }
  htmx.ajax("GET", location.pathname + location.search, { target: `#${id}`, swap: "innerHTML" });
}

// A deleted sandbox has no page any more.
document.body.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 404 && event.detail.target?.id === "sandbox-head") location.assign("/sandboxes/");
});
