/** The box people write in: grows, sends by Enter (never while a syllable is being composed), keeps the draft. */
import { postForm } from "./fetching.js";
import { watchFiles } from "./files.js";
import { Pictures } from "./pictures.js";
import { storage } from "./storage.js";

const DRAFT = "agi.draft.";

export class Composer {
  constructor({ chat, list, answers, scroller }) {
    this.form = document.getElementById("composer");
    if (!this.form) return; // an archived conversation has none
    Object.assign(this, { chat, list, answers, scroller });
    this.box = this.form.elements.content;
    this.fault = document.getElementById("composer-fault");
    this.sendButton = this.form.querySelector(".send-button");
    this.draftKey = DRAFT + this.form.dataset.draft;
    this.pictures = new Pictures({
      form: this.form,
      fault: this.fault,
      key: `${this.draftKey}.pictures`,
      onChange: () => this.pictures && this.#changed(),
    });
    watchFiles(this);
    this.#forgetSent();
    this.#restore();
    this.box.addEventListener("input", () => {
      this.fault.textContent = "";
      this.#changed();
    });
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.form.addEventListener("submit", (event) => this.#submit(event));
    document.getElementById("stop-form")?.addEventListener("submit", (event) => this.#stop(event));
    chat.addEventListener("chat:state", () => this.#changed());
    document.addEventListener("click", (event) => this.#suggest(event));
    this.#changed();
  }

  focus() {
    this.box?.focus();
  }

  get isEmpty() {
    return !this.box || (this.box.value.trim() === "" && !this.pictures?.count);
  }

  get #isHeldUp() {
    return this.busy === true || this.pictures.isUploading;
  }

  stop() {
    if (this.answers.isRunning) document.getElementById("stop-form")?.requestSubmit();
  }

  #key(event) {
    // Safari ends a composition before the keydown of its Enter; 229 tells that one apart.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey && !isPhone()) {
      event.preventDefault();
      if (!this.isEmpty && !this.answers.isRunning) this.form.requestSubmit();
    } else if (event.key === "Escape") {
      this.stop();
    } else if (event.key === "ArrowUp" && this.box.value === "") {
      const own = [...this.list.querySelectorAll(".message-user [data-edit]")].at(-1);
      if (own && !this.answers.isRunning) {
        event.preventDefault();
        own.click();
      }
    }
  }

  #changed() {
    this.sendButton.disabled = this.isEmpty || this.#isHeldUp;
    if (!CSS.supports("field-sizing", "content")) {
      this.box.style.height = "auto";
      this.box.style.height = `${this.box.scrollHeight}px`;
    }
    this.#keep();
  }

  #submit(event) {
    if (!this.chat.dataset.events) return this.#leave(event); // a new conversation: the form goes as it is
    event.preventDefault();
    if (this.isEmpty || this.#isHeldUp || this.answers.isRunning) return;
    this.#send();
  }

  async #send() {
    this.busy = true;
    this.fault.textContent = "";
    const data = new FormData(this.form);
    const written = this.box.value;
    const shown = this.pictures.take();
    this.box.value = "";
    this.#changed();
    try {
      await this.answers.expecting(() => postForm(this.form, data));
      this.form.elements.key.value = newKey();
    } catch (error) {
      // The text comes back, with the same key: sending again cannot make it twice.
      if (this.box.value.trim() === "") this.box.value = written;
      this.pictures.putBack(shown);
      this.fault.textContent = error.status ? error.message : document.body.dataset.offline;
    } finally {
      this.busy = false;
      this.#changed();
      if (!isPhone()) this.focus();
    }
  }

  #leave(event) {
    if (this.isEmpty || this.#isHeldUp) return event.preventDefault();
    this.busy = true;
    this.#changed();
    window.addEventListener("pageshow", () => (this.busy = false), { once: true });
  }

  async #stop(event) {
    event.preventDefault();
    try {
      await postForm(event.target);
    } catch (error) {
      this.fault.textContent = error.status ? error.message : document.body.dataset.offline;
    }
  }

  #suggest(event) {
    const suggestion = event.target.closest("[data-suggestion]");
    if (!suggestion) return;
    event.preventDefault();
    this.box.value = suggestion.dataset.suggestion;
    this.#changed();
    this.focus();
  }

  /** The draft of a new conversation is kept until it has become one: on the way there one may have to sign in. */
  #forgetSent() {
    const kept = storage(() => localStorage.getItem(`${DRAFT}new`))?.trim();
    const said = [...this.list.querySelectorAll(".message-user > [data-text]")];
    if (kept && said.some((text) => text.content.textContent.trim() === kept)) {
      storage(() => localStorage.removeItem(`${DRAFT}new`));
    }
  }

  #restore() {
    const kept = storage(() => localStorage.getItem(this.draftKey));
    if (kept && this.box.value.trim() === "") this.box.value = kept;
  }

  #keep() {
    storage(() =>
      this.box.value.trim() === ""
        ? localStorage.removeItem(this.draftKey)
        : localStorage.setItem(this.draftKey, this.box.value),
    );
  }
}

/** On phones Enter makes a new line: there is a button to send. */
const isPhone = () => matchMedia("(pointer: coarse) and (width < 60rem)").matches;

const newKey = () => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
