/**
 * Executions that run: their output is shown as it comes, each piece at its place (in bytes of its stream), and the server's
 * own rendering is fetched at the end, or whenever a piece is missing.
 */
import { Live } from "../chat/live.js";
import { elementsOf, getHtml } from "../chat/fetching.js";
import { toast } from "../toasts.js";

const EVENTS = ["started", "output", "ended", "reset"];
// Browsers keep few connections to one site; the others are looked at from time to time.
const MOST_STREAMS = 3;
const LOOK_MS = 2000;
// Escape sequences of terminals and control characters, as the server takes them out (templatetags/sandbox_output.py).
// eslint-disable-next-line no-control-regex
const ESCAPES = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][\s\S]*?(?:\x1b\\|\x07)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]/g;
// The beginning of such a sequence at the end of a piece waits for its rest.
// eslint-disable-next-line no-control-regex
const BEGUN = /(?:\r|\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07]*|[ -/]*)?)$/;
let streams = 0;

class Followed {
  constructor(article) {
    this.article = article;
    this.places = {};
    this.carried = {};
    for (const output of article.querySelectorAll("[data-stream]")) {
      this.places[output.dataset.stream] = Number(output.dataset.bytes);
      this.carried[output.dataset.stream] = "";
      output.scrollTop = output.scrollHeight;
    }
    if (streams < MOST_STREAMS) this.#follow();
    else this.timer = setInterval(() => this.refetch(), LOOK_MS);
  }

  #follow() {
    streams += 1;
    this.live = new Live({
      address: this.article.dataset.events,
      after: this.article.dataset.after || undefined,
      events: EVENTS,
      isBusy: () => true,
      onEvent: (name, data) => this.#take(name, data),
    });
  }

  #take(name, data) {
    if (name === "output") this.#write(data);
    else if (name !== "started") this.refetch();
  }

  /** A piece that was shown already is left out; one that does not fit is a gap. */
  #write({ stream, text, at, end, omitted }) {
    const output = this.article.querySelector(`[data-stream="${stream}"]`);
    if (!output || end <= this.places[stream]) return;
    if (at !== this.places[stream]) {
      this.refetch();
      return;
    }
    this.places[stream] = end;
    if (omitted) this.article.querySelector("[data-omitted]").hidden = false;
    if (!text) return;
    const atEnd = output.scrollHeight - output.scrollTop - output.clientHeight < 40;
    output.append(this.#plain(stream, text));
    output.hidden = false;
    if (atEnd) output.scrollTop = output.scrollHeight;
  }

  #plain(stream, text) {
    let whole = this.carried[stream] + text;
    const begun = BEGUN.exec(whole);
    this.carried[stream] = begun && begun[0].length < 4096 ? begun[0] : "";
    if (this.carried[stream]) whole = whole.slice(0, -this.carried[stream].length);
    return whole.replaceAll("\r\n", "\n").replace(ESCAPES, "");
  }

  async refetch() {
    if (this.fetching || !this.article.isConnected) return;
    this.fetching = true;
    try {
      const lines = Boolean(this.article.querySelector("[name=lines]"));
      const fresh = elementsOf(await getHtml(this.article.dataset.address)).querySelector("article");
      const isOver = !("live" in fresh.dataset);
      if (lines && isOver) return location.reload();
      if (lines || !isOver) this.#takeOver(fresh);
      else this.#replace(fresh);
    } catch (error) {
      toast(error.message, "error");
    } finally {
      this.fetching = false;
    }
  }

  /** It goes on: only the outputs and their places are the server's anew. */
  #takeOver(fresh) {
    for (const output of fresh.querySelectorAll("[data-stream]")) {
      const here = this.article.querySelector(`[data-stream="${output.dataset.stream}"]`);
      here.textContent = output.textContent;
      here.hidden = output.hidden;
      this.places[output.dataset.stream] = Number(output.dataset.bytes);
      this.carried[output.dataset.stream] = "";
    }
    this.live?.restart(fresh.dataset.after || undefined);
    const tag = fresh.querySelector("[data-outcome]");
    if (tag) this.article.querySelector("[data-outcome]")?.replaceWith(tag);
  }

  #replace(fresh) {
    this.close();
    this.article.replaceWith(fresh);
    htmx.process(fresh);
    for (const output of fresh.querySelectorAll("[data-stream]")) output.scrollTop = output.scrollHeight;
  }

  close() {
    clearInterval(this.timer);
    if (this.live) streams -= 1;
    this.live?.close();
  }
}

const followed = new WeakMap();

function look(root) {
  for (const article of root.querySelectorAll(".execution[data-live]")) {
    if (!followed.has(article)) followed.set(article, new Followed(article));
  }
}

look(document);
document.body.addEventListener("htmx:load", (event) => look(event.target.parentElement ?? document));
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.matches?.(".execution")) followed.get(event.detail.target)?.close();
});

// A line that was sent leaves the field; a run that was started leaves the text, to be changed and run again.
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.target.matches?.("[data-clears]")) {
    const field = event.target.querySelector("[name=line]");
    field.value = "";
    field.focus();
  }
});
