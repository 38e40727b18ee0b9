/**
 * A run as it goes: the states of its steps in the graph and in the list, how far it is, and a step's panel. The page
 * was drawn by the server; events change what is there, and what they do not tell is fetched again.
 */
import { Live } from "../chat/live.js";

const SETTLE_MS = 250;
const CONDENSED_MS = 1500;
const LEFT_MS = 5000;
const { states: words, progress } = JSON.parse(document.getElementById("step-words").textContent);
const language = document.documentElement.lang;
const panel = document.getElementById("step-panel");
const panelBody = document.getElementById("step-panel-body");
let live;
let openStep = "";

const timers = new Map();

/** Several events in a row ask for one look. */
function later(work, after = SETTLE_MS) {
  if (timers.has(work)) return;
  timers.set(work, setTimeout(() => (timers.delete(work), work()), after));
}

function run() {
  return document.getElementById("run");
}

function follow() {
  const root = run();
  live?.close();
  live = undefined;
  if (!root?.dataset.events || !("live" in root.dataset)) return;
  live = new Live({
    address: root.dataset.events,
    after: root.dataset.after || undefined,
    events: ["steps", "execution", "refresh", "reset"],
    isBusy: () => false,
    onEvent: (name, data) => {
      if (name === "steps") moved(data);
      else later(reload);
    },
  });
}

/** Steps that moved: [id, key, state, seconds]. */
function moved(data) {
  const root = run();
  if ("condensed" in root.dataset || data.more) later(reload, CONDENSED_MS);
  // Drawn before the run had begun: how long it takes could not be told yet.
  if (root.dataset.status === "pending") later(reload);
  let unknown = false;
  for (const [id, key, state, seconds] of data.steps) {
    const line = root.querySelector(`.step-line[data-step="${id}"]`);
    if (line) showLine(line, state, seconds);
    const box = line && root.querySelector(`.graph-box[data-key="${CSS.escape(key)}"]`);
    if (box) showBox(box, state);
    if (!line && !root.querySelector(".run-list .pagination, .run-counts [aria-current]")) unknown = true;
    if (String(id) === openStep) later(reloadPanel);
  }
  if (unknown) later(reload, CONDENSED_MS);
  showProgress(data.done, data.total);
}

function showLine(line, state, seconds) {
  line.dataset.state = state;
  const use = line.querySelector("[data-sign] use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${words[state].icon}`));
  const word = line.querySelector("[data-word]");
  if (word) word.textContent = words[state].word;
  if (seconds != null) line.querySelector("[data-seconds]").textContent = length(seconds);
}

function showBox(box, state) {
  box.dataset.state = state;
  const use = box.querySelector("[data-icon]");
  use?.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${words[state].icon}`));
  const word = box.querySelector("[data-word]");
  if (word) word.textContent = words[state].word;
}

function showProgress(done, total) {
  const bar = run().querySelector("[data-progress]");
  if (!bar || total == null) return;
  bar.max = total;
  bar.value = done;
  const text = run().querySelector("[data-done]");
  text.textContent = progress.replace("%(done)s", done).replace("%(total)s", total);
}

/** As the server writes lengths of time, for those under a minute; the next look brings the others. */
function length(seconds) {
  const [value, unit] = seconds < 1 ? [seconds * 1000, "millisecond"] : [seconds, "second"];
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit,
    unitDisplay: "short",
    maximumFractionDigits: value < 10 && unit === "second" ? 1 : 0,
  }).format(value);
}

/** Fetches the run again; where somebody stands in the list, they are put back there. */
async function reload() {
  const root = run();
  if (!root) return;
  const scroll = root.querySelector(".graph-scroll");
  const place = scroll ? [scroll.scrollLeft, scroll.scrollTop] : [0, 0];
  const focused = root.contains(document.activeElement)
    ? document.activeElement.closest("[data-step]")?.dataset.step
    : undefined;
  await htmx.ajax("GET", location.pathname + location.search, { target: "#run", swap: "outerHTML", select: "#run" });
  const fresh = run();
  const again = fresh.querySelector(".graph-scroll");
  if (again) [again.scrollLeft, again.scrollTop] = place;
  if (focused) fresh.querySelector(`.step-line[data-step="${focused}"] a`)?.focus();
  link();
  if (live && "live" in fresh.dataset) return;
  if (live && fresh.dataset.status && location.pathname.includes("/executions/")) location.reload();
  follow();
}

// --- The panel of a step -------------------------------------------------------------------------------------
/** Boxes of the graph open what their lines in the list lead to. */
function link() {
  for (const box of document.querySelectorAll("#run .graph-box")) {
    const line = document.querySelector(`#run .step-line[data-key="${CSS.escape(box.dataset.key)}"] [data-panel]`);
    if (line) box.dataset.panelOf = line.href;
  }
}

document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a[data-panel]");
  const address = anchor?.href ?? event.target.closest(".graph-box")?.dataset.panelOf;
  if (!address || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  show(address);
});

async function show(address) {
  openStep = /steps\/(\d+)\//.exec(address)?.[1] ?? "";
  panel.dataset.address = address;
  await htmx.ajax("GET", address, { target: "#step-panel-body", swap: "innerHTML" });
  if (!panel.open) panel.showModal();
}

/** Unless somebody writes there. */
function reloadPanel() {
  const writing = [...panelBody.querySelectorAll("input[type=text]")].some((field) => field.value);
  if (panel.open && !writing) htmx.ajax("GET", panel.dataset.address, { target: "#step-panel-body", swap: "innerHTML" });
}

panel.addEventListener("close", () => {
  openStep = "";
  panelBody.replaceChildren();
});

/** A graph wider than its place is first seen at its middle. */
for (const scroll of document.querySelectorAll(".graph-scroll")) {
  scroll.scrollLeft = (scroll.scrollWidth - scroll.clientWidth) / 2;
}

// How long it will still take changes without anything happening; the server knows.
setInterval(() => {
  if (live && !document.hidden && run()?.querySelector("[data-left]")) later(reload);
}, LEFT_MS);

link();
follow();
