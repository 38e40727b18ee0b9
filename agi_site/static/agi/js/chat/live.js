/**
 * The live stream. It goes on exactly after the last event it gave, through reconnects and sleeping tabs; tabs in the
 * background let go of their connection, since browsers allow only few per site.
 */
const EVENTS = [
  "turn.started", "turn.stage", "message.delta", "message.reset", "tool.started", "tool.output", "tool.waiting",
  "tool.finished", "turn.waiting", "message.done",
  "turn.failed", "turn.stopped", "conversation.renamed", "conversation.changed", "reset",
];
const NOTICE_AFTER_MS = 2000;
const HIDDEN_AFTER_MS = 30_000;
const LONGEST_PAUSE_MS = 15_000;

export class Live {
  constructor({ address, after, notice, isBusy, onEvent, events = EVENTS }) {
    Object.assign(this, { address, after, notice, isBusy, onEvent, events });
    this.failures = 0;
    this.connect();
    document.addEventListener("visibilitychange", () => this.#visibility());
    window.addEventListener("online", () => this.#again());
    window.addEventListener("pagehide", () => this.close());
    window.addEventListener("pageshow", (event) => event.persisted && this.#again());
  }

  connect() {
    this.close();
    const query = this.after ? `?after=${encodeURIComponent(this.after)}` : "";
    const source = new EventSource(this.address + query);
    this.source = source;
    source.onopen = () => {
      this.failures = 0;
      clearTimeout(this.noticeTimer);
      this.noticeTimer = undefined;
      if (this.notice) this.notice.hidden = true;
    };
    source.onerror = () => {
      this.noticeTimer ??= setTimeout(() => this.notice && (this.notice.hidden = false), NOTICE_AFTER_MS);
      // The browser tries again by itself only after a dropped connection, not after a refusal.
      if (source.readyState === EventSource.CLOSED) this.#later();
    };
    for (const name of this.events) {
      source.addEventListener(name, (event) => {
        if (source !== this.source) return;
        if (event.lastEventId) this.after = event.lastEventId;
        this.onEvent(name, event.data ? JSON.parse(event.data) : {}, event.lastEventId);
      });
    }
  }

  /** Goes on after another event: what the page shows was rendered anew as of that one. */
  restart(after) {
    this.after = after;
    this.connect();
  }

  close() {
    clearTimeout(this.retryTimer);
    this.source?.close();
    this.source = undefined;
  }

  #later() {
    const pause = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.failures += 1;
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.connect(), pause);
  }

  #again() {
    if (!this.source || this.source.readyState === EventSource.CLOSED) this.connect();
  }

  #visibility() {
    clearTimeout(this.hiddenTimer);
    if (document.hidden) this.hiddenTimer = setTimeout(() => !this.isBusy() && this.close(), HIDDEN_AFTER_MS);
    else this.#again();
  }
}
