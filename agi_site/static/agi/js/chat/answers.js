/** The messages on the page: applies the stream's events to them, each character once and in its place. */
import { GrowingMarkdown } from "./markdown.js";
import { elementsOf, getHtml } from "./fetching.js";
import { length, skip } from "./text.js";
import { localize } from "../times.js";

const ENDS = new Set(["message.done", "turn.failed", "turn.stopped"]);
const RUNNING = '[data-status="streaming"], [data-status="waiting"]';
const SHOWN_CHARACTERS = 200_000;
const ANNOUNCE_STAGE_AFTER_MS = 1500;
const OWN_CHANGE_MS = 1500;

export class Answers {
  constructor({ chat, list, scroller }) {
    Object.assign(this, { chat, list, scroller });
    this.growing = new Map(); // message id → what is known of an answer being written
    this.looks = new Map(); // message id → how often it was fetched
    this.sending = 0; // requests under way that will bring messages whose events may come first
    this.early = [];
    this.handled = ""; // the id of the last event after which everything was reloaded
    this.changedHereAt = -OWN_CHANGE_MS;
    this.announcer = document.getElementById("announcer");
    this.onReload = () => {};
    this.takeStock();
  }

  get isRunning() {
    return this.chat.hasAttribute("data-running");
  }

  /** Looks at what the page shows: which answers grow, and from where. */
  takeStock(anew = false) {
    if (anew) this.growing.clear();
    for (const row of this.list.querySelectorAll(RUNNING)) {
      if (!this.growing.has(row.dataset.message)) this.growing.set(row.dataset.message, this.#begin(row));
    }
    this.#showState();
    const marker = this.list.querySelector("[data-event-id]");
    if (!anew || !marker) return;
    const shown = marker.dataset.eventId;
    this.onReload(later(this.handled, shown) ? this.handled : shown);
  }

  /** A request of ours will replace the stream: its own event need not do so a second time. */
  changingHere() {
    this.changedHereAt = performance.now();
  }

  changedHere() {
    this.changingHere();
    this.takeStock(true);
    this.scroller.toEnd();
  }

  /** Runs `request`, which answers with new messages; events for them wait until they are on the page. */
  async expecting(request) {
    this.sending += 1;
    try {
      this.add(await request());
    } finally {
      this.sending -= 1;
      if (!this.sending) this.#replayEarly();
    }
  }

  add(html) {
    const fresh = elementsOf(html);
    for (const row of fresh.querySelectorAll("[data-message]")) document.getElementById(row.id)?.remove();
    localize(fresh);
    const rows = [...fresh.children];
    this.list.append(...rows);
    for (const row of rows) window.htmx?.process(row);
    this.takeStock();
    this.scroller.toEnd();
  }

  take(name, data, id) {
    if (name === "reset" || name === "conversation.changed") {
      // A stream that went back to an answer's beginning tells old changes again.
      if (!later(id, this.handled)) return;
      this.handled = id;
      if (performance.now() - this.changedHereAt > OWN_CHANGE_MS) this.#reloadSoon();
      return;
    }
    if (name === "conversation.renamed") return this.#rename(data.title);
    const row = document.getElementById(`message-${data.message_id}`);
    if (!row) {
      if (this.sending) this.early.push([name, data, id]);
      else if (name === "turn.started") this.#reloadSoon();
      return;
    }
    const state = this.growing.get(data.message_id);
    if (ENDS.has(name)) return this.#finish(row);
    if (state) this.#grow(row, state, name, data);
  }

  #grow(row, state, name, data) {
    if (name === "turn.started") this.#goesOn(row);
    else if (name === "turn.waiting") this.#waits(row);
    else if (name === "message.delta") this.#delta(row, state, data);
    else if (name === "message.reset") this.#restart(row, state);
    else if (name === "turn.stage") this.#stage(row, data.label);
    else if (name === "tool.started") this.#toolStarted(row, data);
    else if (name === "tool.output") this.#toolOutput(row, data);
    else if (name === "tool.waiting") this.#waits(row);
    else if (name === "tool.finished") this.#toolFinished(row, data);
  }

  // --- Text -------------------------------------------------------------------
  #begin(row) {
    const text = row.querySelector("[data-text]")?.content.textContent ?? "";
    const body = row.querySelector("[data-body]");
    body.replaceChildren();
    const state = { text, has: Number(row.dataset.length), waiting: [], markdown: new GrowingMarkdown(body) };
    if (text) state.markdown.show(text);
    return state;
  }

  #delta(row, state, delta) {
    if (state.fetching) return void state.waiting.push(delta);
    if (delta.offset > state.has) {
      state.waiting.push(delta);
      return void this.#refetch(row, state);
    }
    const fresh = skip(delta.text, state.has - delta.offset);
    if (!fresh) return;
    state.text += fresh;
    state.has += length(fresh);
    if (!state.frame) state.frame = requestAnimationFrame(() => this.#paint(row, state));
  }

  #paint(row, state) {
    state.frame = 0;
    if (!row.isConnected) return;
    state.markdown.show(state.text);
    row.querySelector("[data-stage]")?.remove();
    this.scroller.follow();
  }

  /** Something was missed: take the message as the server has it, then what waited. */
  async #refetch(row, state) {
    state.fetching = true;
    const fresh = await this.#replace(row);
    if (!fresh || fresh.dataset.status !== "streaming") return;
    const renewed = this.growing.get(fresh.dataset.message);
    const waiting = state.waiting.sort((one, other) => one.offset - other.offset);
    const gap = waiting.length && waiting[0].offset > renewed.has;
    if (gap) {
      // The row is saved twice a second; the missing text will be there in a moment.
      renewed.waiting = waiting;
      renewed.fetching = true;
      setTimeout(() => this.#refetch(fresh, renewed), 300);
      return;
    }
    for (const delta of waiting) this.#delta(fresh, renewed, delta);
  }

  #restart(row, state) {
    state.text = "";
    state.has = 0;
    state.waiting = [];
    const body = row.querySelector("[data-body]");
    body.replaceChildren();
    row.querySelector("[data-tools]")?.replaceChildren();
    state.markdown = new GrowingMarkdown(body);
  }

  // --- Ends -------------------------------------------------------------------
  async #finish(row) {
    if (!["streaming", "waiting", ""].includes(row.dataset.status)) return;
    row.dataset.status = "finishing"; // the row is final, so the next message may be sent already
    this.#showState();
    const fresh = await this.#replace(row);
    if (fresh) this.#announce(fresh.querySelector("[data-body]").innerText || fresh.innerText);
  }

  /** Puts the server's rendering of a message in its place; returns it. */
  async #replace(row) {
    const id = row.dataset.message;
    const look = (this.looks.get(id) ?? 0) + 1; // of several looks at once the one begun last counts
    this.looks.set(id, look);
    let html;
    try {
      html = await getHtml(row.dataset.address);
    } catch {
      setTimeout(() => row.isConnected && this.looks.get(id) === look && this.#replace(row), 1500);
      return null;
    }
    const fresh = elementsOf(html).firstElementChild;
    if (!fresh || !row.isConnected || this.looks.get(id) !== look) return null;
    this.growing.delete(id);
    for (const tool of row.querySelectorAll("details[data-call][open]")) {
      const same = fresh.querySelector(`details[data-call="${CSS.escape(tool.dataset.call)}"]`);
      if (same) same.open = true;
    }
    row.replaceWith(fresh);
    localize(fresh);
    window.htmx?.process(fresh);
    this.takeStock();
    this.scroller.follow();
    return fresh;
  }

  #reloadSoon() {
    clearTimeout(this.reloading);
    this.reloading = setTimeout(() => this.reload(), 120);
  }

  /** The newest stretch of the conversation anew, unless someone is typing into it. */
  async reload() {
    if (this.list.querySelector(".message-edit")) return;
    let html;
    try {
      html = await getHtml(this.chat.dataset.address, "stream");
    } catch (error) {
      if (error.status === 404) location.assign("/conversations/");
      else setTimeout(() => this.reload(), 2000);
      return;
    }
    this.list.replaceChildren(elementsOf(html));
    localize(this.list);
    window.htmx?.process(this.list);
    this.takeStock(true);
    this.scroller.follow();
  }

  #replayEarly() {
    const early = this.early.splice(0);
    for (const event of early) this.take(...event);
  }

  // --- Stages and tools -----------------------------------------------------------
  #stage(row, label) {
    let stage = row.querySelector("[data-stage]");
    if (!stage) {
      const template = document.getElementById("stage-template");
      stage = template.content.firstElementChild.cloneNode(true);
      row.querySelector("[data-body]").after(stage);
    }
    stage.querySelector("[data-stage-label]").textContent = label;
    clearTimeout(this.stageTimer);
    this.stageTimer = setTimeout(() => stage.isConnected && this.#announce(label), ANNOUNCE_STAGE_AFTER_MS);
  }

  #toolStarted(row, data) {
    const tools = row.querySelector("[data-tools]");
    if (tools.querySelector(`[data-call="${CSS.escape(data.call_id)}"]`)) return;
    const card = document.getElementById("tool-template").content.firstElementChild.cloneNode(true);
    card.dataset.call = data.call_id;
    card.querySelector("[data-tool-name]").textContent = words(data.name);
    card.querySelector("[data-tool-state]").innerHTML = '<span class="spinner"></span>';
    const facts = card.querySelector("[data-tool-arguments]");
    for (const [name, value] of Object.entries(data.arguments ?? {})) facts.append(...fact(name, value));
    tools.append(card);
    this.scroller.follow();
  }

  /** What a tool says while it runs. */
  #toolOutput(row, data) {
    const place = row.querySelector(`[data-call="${CSS.escape(data.call_id)}"] [data-tool-output]`);
    if (!place || place.textContent.length > SHOWN_CHARACTERS) return;
    place.hidden = false;
    place.append(data.text);
    place.scrollTop = place.scrollHeight;
    this.scroller.follow();
  }

  /** A call waits: the server knows for what. Several events in a row ask for one look. */
  #waits(row) {
    document.body.dispatchEvent(new CustomEvent("approvals-changed"));
    clearTimeout(this.waitTimer);
    this.waitTimer = setTimeout(async () => {
      const fresh = await this.renew(row.dataset.message);
      const question = fresh?.querySelector(".approval-question")?.innerText;
      if (question) this.#announce(question);
    }, 60);
  }

  /** A turn that waited is taken up again. */
  #goesOn(row) {
    clearTimeout(this.waitTimer);
    if (row.dataset.status !== "waiting") return;
    row.dataset.status = "streaming";
    document.body.dispatchEvent(new CustomEvent("approvals-changed"));
    this.#showState();
  }

  /** A message as the server has it now, unless somebody is writing in it. */
  async renew(id) {
    const row = document.getElementById(`message-${id}`);
    if (!row || row.dataset.status === "finishing") return null;
    if (row.querySelector(".approval-form")?.contains(document.activeElement)) return null;
    return this.#replace(row);
  }

  #toolFinished(row, data) {
    const card = row.querySelector(`[data-call="${CSS.escape(data.call_id)}"]`);
    if (!card) return;
    const before = document.getElementById("tool-template").content.querySelector("[data-tool-state]");
    card.className = `tool tool-${data.status}`;
    card.querySelector("[data-tool-state]").innerHTML = data.status === "failed" ? "✕" : before.innerHTML;
    const result = typeof data.result === "string" ? data.result : JSON.stringify(data.result);
    const place = card.querySelector("[data-tool-result]");
    if (place) place.textContent = result ?? "";
    card.querySelector("[data-tool-output]")?.remove();
    card.querySelector(".approval")?.remove();
  }

  // --- Around the messages -----------------------------------------------------------
  #rename(title) {
    for (const place of document.querySelectorAll("[data-title]")) place.textContent = title;
    const id = CSS.escape(this.chat.dataset.conversation);
    for (const place of document.querySelectorAll(`[data-conversation="${id}"] .conversation-name`)) {
      place.textContent = title;
    }
    document.title = `${title} · AGI Site`;
  }

  #showState() {
    this.chat.toggleAttribute("data-running", this.list.querySelector(RUNNING) !== null);
    this.chat.dispatchEvent(new CustomEvent("chat:state"));
  }

  #announce(text) {
    this.announcer.textContent = text.slice(0, 3000);
  }
}

/** Whether one event id comes after another. */
function later(one, other) {
  const [oneTime, oneCount] = numbers(one);
  const [otherTime, otherCount] = numbers(other);
  return oneTime > otherTime || (oneTime === otherTime && oneCount > otherCount);
}

const numbers = (id) => (id || "0-0").split("-").map(Number);

const fieldWords = () => JSON.parse(document.getElementById("tool-template").dataset.fields || "{}");

function fact(name, value) {
  const { names = {}, code = [] } = fieldWords();
  const term = Object.assign(document.createElement("dt"), { textContent: names[name] ?? name });
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const said = Object.assign(document.createElement("dd"), { textContent: text });
  if (code.includes(name)) Object.assign(said, { className: "fact-code", tabIndex: 0 });
  return [term, said];
}

const words = (name) => {
  const known = JSON.parse(document.getElementById("tool-template").dataset.names || "{}");
  if (known[name]) return known[name];
  const text = name.replaceAll(/[_.]/g, " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
};
