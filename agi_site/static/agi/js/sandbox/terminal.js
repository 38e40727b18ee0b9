/**
 * The terminal: xterm.js over a WebSocket. It comes back by itself after a lost connection, at the byte it had seen;
 * it tells its size; it takes on the page's colours.
 */
const LONGEST_PAUSE_MS = 10_000;
// Codes of sandbox/ws.py after which trying again is of no use.
const FINAL = new Set([1000, 4401, 4403, 4404, 4409]);

class BrowserTerminal {
  constructor(place) {
    this.place = place;
    this.state = document.getElementById("terminal-state");
    this.at = 0;
    this.failures = 0;
    this.screen = new Terminal({
      fontFamily: getComputedStyle(place).fontFamily,
      fontSize: 14,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      scrollback: 5000,
      // not always on: with it xterm.js takes no text that comes without keys (soft keyboards, emoji)
      screenReaderMode: readsAloud(),
      theme: colours(place),
    });
    this.fit = new FitAddon.FitAddon();
    this.screen.loadAddon(this.fit);
    this.screen.open(place);
    this.screen.textarea.setAttribute("aria-label", place.dataset.label);
    this.screen.onData((text) => this.send(text));
    this.screen.onBinary((text) => this.#bytes(Uint8Array.from(text, (character) => character.charCodeAt(0))));
    this.screen.onResize(() => this.#tellSize());
    this.screen.attachCustomKeyEventHandler((event) => this.#leaves(event));
    new ResizeObserver(() => this.fit.fit()).observe(place);
    this.#watchColours();
    window.addEventListener("online", () => this.#again());
    document.addEventListener("visibilitychange", () => !document.hidden && this.#again());
    window.addEventListener("pagehide", () => this.socket?.close(1000));
    window.addEventListener("pageshow", (event) => event.persisted && this.connect());
    this.fit.fit();
    this.connect();
    this.screen.focus();
  }

  connect() {
    clearTimeout(this.timer);
    this.#say(this.place.dataset.connecting);
    const address = new URL(`${this.place.dataset.address}?after=${this.at}`, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onmessage = (event) => {
      if (this.place.dataset.connected !== "true") this.#connected();
      if (typeof event.data === "string") this.#told(JSON.parse(event.data));
      else this.screen.write(new Uint8Array(event.data));
    };
    socket.onclose = (event) => socket === this.socket && this.#closed(event.code);
  }

  #connected() {
    this.failures = 0;
    this.place.dataset.connected = "true";
    this.#say("");
    this.#tellSize();
  }

  #say(text) {
    this.state.textContent = text;
  }

  #told(news) {
    if ("at" in news) this.at = news.at;
    if (news.gap) this.screen.reset();
    if (news.ended) this.over = true;
  }

  #closed(code) {
    this.place.dataset.connected = "false";
    if (this.over || code === 4409) return this.#say(this.place.dataset.ended);
    if (FINAL.has(code) && code !== 1000) return this.#say(this.place.dataset.refused);
    this.#say(this.place.dataset.lost);
    const pause = Math.min(LONGEST_PAUSE_MS, 400 * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.failures += 1;
    this.timer = setTimeout(() => this.connect(), pause);
  }

  #again() {
    if (!this.over && this.socket?.readyState === WebSocket.CLOSED && this.timer) this.connect();
  }

  send(text) {
    this.#bytes(new TextEncoder().encode(text));
  }

  #bytes(data) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(data);
  }

  #tellSize() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.socket.send(JSON.stringify({ cols: this.screen.cols, rows: this.screen.rows }));
  }

  /** Tab belongs to the shell, so another chord leaves: nobody is trapped. */
  #leaves(event) {
    if (event.type !== "keydown" || event.key !== "Escape" || !event.ctrlKey || !event.altKey) return true;
    document.querySelector(".terminal-keys button, .terminal-bar button")?.focus();
    return false;
  }

  #watchColours() {
    const apply = () => (this.screen.options.theme = colours(this.place));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
    new MutationObserver(apply).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }
}

/** The page's own colours, as the browser resolved them for this place. */
function colours(place) {
  const style = getComputedStyle(place);
  return {
    background: style.backgroundColor,
    foreground: style.color,
    cursor: style.color,
    cursorAccent: style.backgroundColor,
    selectionBackground: style.outlineColor,
  };
}

const READER_KEY = "agi.terminal.reader";

function readsAloud() {
  try {
    return localStorage.getItem(READER_KEY) === "on";
  } catch {
    return false; // storage is switched off
  }
}

function showReader() {
  document.querySelector("[data-screen-reader]")?.setAttribute("aria-pressed", String(readsAloud()));
}

let shown = null;

function look() {
  const place = document.getElementById("terminal");
  if (place && place !== shown?.place && window.Terminal) shown = new BrowserTerminal(place);
  showReader();
  const form = document.querySelector("form[data-open-at-once]");
  // whoever comes to the terminal of a running sandbox wants one; going back must not open another
  if (form && !place && performance.getEntriesByType("navigation")[0]?.type !== "back_forward") {
    delete form.dataset.openAtOnce;
    // not by submitting: HTMX may not know this form yet, and the browser would leave the page
    htmx.ajax("POST", form.action, { source: form, target: "#tab", swap: "innerHTML" });
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-screen-reader]")) {
    try {
      localStorage.setItem(READER_KEY, readsAloud() ? "off" : "on");
    } catch {
      return;
    }
    if (shown) shown.screen.options.screenReaderMode = readsAloud();
    showReader();
    return;
  }
  const key = event.target.closest("[data-key]");
  if (!key || !shown) return;
  shown.send(key.dataset.key);
  shown.screen.focus();
});

document.body.addEventListener("htmx:afterSwap", look);
look();
