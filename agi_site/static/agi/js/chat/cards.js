/**
 * Cards of calls that wait: a run that was approved is followed, a plan's steps move as they are done. Whenever one
 * needs more than that, the message is fetched again.
 */
const SHOWN_CHARACTERS = 200_000;
const LOOK_MS = 1200; // between an approval and the run that it sets going
const open = new Map(); // execution id → what follows it

export function watchCards(list, answers) {
  const look = () => {
    for (const [id, follower] of open) {
      if (follower.card.isConnected) continue;
      follower.close();
      open.delete(id);
    }
    for (const card of list.querySelectorAll("[data-execution]")) {
      if (!open.has(card.dataset.execution)) open.set(card.dataset.execution, new Follower(card, answers));
    }
  };
  new MutationObserver(look).observe(list, { childList: true, subtree: true });
  look();
}

class Follower {
  constructor(card, answers) {
    Object.assign(this, { card, answers });
    this.message = card.closest("[data-message]").dataset.message;
    this.sources = [];
    this.#listen(card.dataset.events, {
      output: (data) => this.#output(data),
      started: () => this.#soon(),
      ended: () => this.#soon(),
      reset: () => this.#soon(),
    });
    if (card.dataset.planEvents) {
      this.#listen(card.dataset.planEvents, {
        steps: (data) => this.#moved(data),
        execution: () => this.#soon(),
        reset: () => this.#soon(),
      });
      this.timer = setInterval(() => this.#soon(), 10 * LOOK_MS);
    } else {
      this.timer = setInterval(() => this.#isGoing() && this.#soon(), LOOK_MS);
    }
  }

  close() {
    clearInterval(this.timer);
    clearTimeout(this.later);
    for (const source of this.sources) source.close();
  }

  /** Consent was given here, or it runs already. */
  #isGoing() {
    return "going" in this.card.dataset || this.card.querySelector('[data-approval="approved"]') !== null;
  }

  #listen(address, takers) {
    const source = new EventSource(address);
    for (const [name, take] of Object.entries(takers)) {
      source.addEventListener(name, (event) => this.card.isConnected && take(JSON.parse(event.data || "{}")));
    }
    this.sources.push(source);
  }

  #soon() {
    clearTimeout(this.later);
    this.later = setTimeout(() => this.card.isConnected && this.answers.renew(this.message), 150);
  }

  #output({ text }) {
    const place = this.card.querySelector("[data-tool-output]");
    if (!place || place.textContent.length > SHOWN_CHARACTERS) return;
    place.hidden = false;
    place.append(text);
    place.scrollTop = place.scrollHeight;
  }

  /** Steps that moved: [id, key, state, seconds]. */
  #moved({ steps = [], done, total }) {
    const words = JSON.parse(document.getElementById("tool-template").dataset.words || "{}");
    let unknown = false;
    for (const [id, , state] of steps) {
      const line = this.card.querySelector(`[data-step="${id}"]`);
      if (!line) unknown = true;
      else {
        line.dataset.state = state;
        line.querySelector("[data-step-word]").textContent = words[state] ?? "";
      }
    }
    const bar = this.card.querySelector("[data-plan-progress]");
    if (bar && total) Object.assign(bar, { max: total, value: done });
    if (unknown) this.#soon();
  }
}
