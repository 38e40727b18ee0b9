/** Pictures of the message that is being written: uploaded one by one, shown small, taken out again. */
import { elementsOf, getHtml, postForm, upload } from "./fetching.js";
import { storage } from "./storage.js";

const TYPES = /^image\//;

export const isPicture = (file) => TYPES.test(file.type);

export class Pictures {
  /** `onChange()` is told whenever there are more or fewer; `key` names the draft in this browser. */
  constructor({ form, fault, key, onChange }) {
    this.list = form.querySelector("[data-pictures]");
    Object.assign(this, { form, fault, key, onChange });
    this.words = this.list.dataset;
    this.note = form.querySelector("[data-unseen-note]");
    this.said = form.querySelector("[data-picture-status]");
    this.template = form.querySelector("[data-picture-template]");
    this.coming = new Map(); // chip → its request
    this.list.addEventListener("click", (event) => this.#remove(event));
    this.#restore();
    this.#changed();
  }

  get count() {
    return this.list.querySelectorAll("li").length;
  }

  get isUploading() {
    return this.coming.size > 0;
  }

  /** Uploads the pictures, all at once; what cannot be taken is said under the box. */
  async add(files) {
    await Promise.all(files.map((file) => this.#put(file)));
  }

  /** Takes the pictures out of the form, for a message on its way; `putBack` undoes that. */
  take() {
    const chips = [...this.list.children];
    this.list.replaceChildren();
    this.#changed();
    return chips;
  }

  putBack(chips) {
    this.list.prepend(...chips);
    this.#changed();
  }

  async #put(file) {
    if (this.count >= Number(this.words.most)) return this.#refuse(this.words.tooMany);
    if (file.size > Number(this.words.largest)) return this.#refuse(this.words.tooLarge.replace("{name}", file.name));
    const chip = this.template.content.firstElementChild.cloneNode(true);
    chip.querySelector(".picture-chip-name").textContent = file.name;
    const bar = chip.querySelector("progress");
    this.list.append(chip);
    const data = new FormData();
    data.append("csrfmiddlewaretoken", this.form.elements.csrfmiddlewaretoken.value);
    data.append("file", file);
    const request = upload(this.words.address, data, (share) => (bar.value = 100 * share));
    this.coming.set(chip, request);
    this.#changed();
    try {
      const html = await request.answer;
      chip.replaceWith(...elementsOf(html).children);
      this.said.textContent = this.words.added.replace("{name}", file.name);
    } catch (error) {
      chip.remove();
      if (error.name !== "AbortError") {
        const text = error.status ? error.message : document.body.dataset.offline;
        this.#refuse(`${file.name}: ${text}`);
      }
    } finally {
      this.coming.delete(chip);
      this.#changed();
    }
  }

  #refuse(text) {
    if (!this.fault.textContent.includes(text)) this.fault.textContent = `${this.fault.textContent} ${text}`.trim();
  }

  #remove(event) {
    const button = event.target.closest("[data-remove-picture]");
    if (!button) return;
    const chip = button.closest("li");
    if (this.coming.has(chip)) return this.coming.get(chip).abort();
    const data = new FormData();
    data.append("csrfmiddlewaretoken", this.form.elements.csrfmiddlewaretoken.value);
    // What is not deleted now is deleted by the clock.
    postForm({ action: button.dataset.removePicture }, data).catch(() => {});
    this.said.textContent = this.words.removed.replace(
      "{name}",
      chip.querySelector(".picture-chip-name").textContent,
    );
    chip.remove();
    this.form.elements.content.focus();
    this.#changed();
  }

  #changed() {
    this.list.hidden = this.count === 0;
    this.note.hidden = !this.list.querySelector("[data-unseen]");
    this.#keep();
    this.onChange();
  }

  #keep() {
    const ids = [...this.list.querySelectorAll("[data-picture]")].map((chip) => chip.dataset.picture);
    storage(() =>
      ids.length ? localStorage.setItem(this.key, ids.join(" ")) : localStorage.removeItem(this.key),
    );
  }

  /** Pictures of a draft come back, unless they were sent or deleted meanwhile. */
  async #restore() {
    const kept = storage(() => localStorage.getItem(this.key));
    if (!kept || this.count) return;
    const query = new URLSearchParams(kept.split(" ").map((id) => ["media", id]));
    try {
      const chips = elementsOf(await getHtml(`${this.words.address}?${query}`));
      if (!this.count) this.list.append(...chips.children);
    } catch {
      return; // they wait
    }
    this.#changed();
  }
}

/** A click on a picture of a message shows the whole of it; with a key held, or without script, its page opens. */
export function watchPictures(list) {
  const dialog = document.getElementById("picture-dialog");
  if (!dialog) return;
  const view = dialog.querySelector("[data-picture-view]");
  list.addEventListener("click", (event) => {
    const link = event.target.closest("[data-open-picture]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    view.src = link.dataset.openPicture;
    view.alt = link.querySelector("img").alt;
    dialog.querySelector("[data-picture-name]").textContent = view.alt;
    dialog.querySelector("[data-picture-page]").href = link.href;
    dialog.showModal();
  });
  dialog.addEventListener("close", () => view.removeAttribute("src"));
}
