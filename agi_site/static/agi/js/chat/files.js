/** Files are chosen, dropped or pasted: pictures go with the message, texts become blocks of code in it. */
import { isPicture } from "./pictures.js";

const MOST_BYTES = 200_000; // no message holds as many
const LONGEST_FENCE = /`{3,}/g;

export function watchFiles({ form, box, fault, pictures }) {
  const button = form.querySelector("[data-add-files]");
  if (!button) return;
  const chooser = form.querySelector("[data-files]");
  const words = button.dataset;
  button.hidden = false;

  /** Texts first: they are in the message at once, pictures when they are uploaded. */
  async function add(files) {
    fault.textContent = "";
    await addTexts(files.filter((file) => !isPicture(file)));
    box.focus();
    await pictures.add(files.filter(isPicture));
  }

  async function addTexts(files) {
    for (const file of files) {
      const text = await textOf(file);
      const refusal = text === null ? words.noText : isTooLong(text) ? words.tooLong : "";
      if (refusal) {
        fault.textContent = refusal.replace("{name}", file.name);
        return;
      }
      box.value = [box.value.trimEnd(), blockOf(file.name, text)].filter(Boolean).join("\n\n") + "\n";
      box.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  const isTooLong = (text) => box.value.length + text.length + 300 > box.maxLength;

  button.addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", async () => {
    await add([...chooser.files]);
    chooser.value = "";
  });
  form.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    // Programs of tables and texts put a picture of the words beside them: the words are meant.
    const isOfWords = files.every(isPicture) && event.clipboardData?.getData("text/plain");
    if (!files.length || isOfWords) return;
    event.preventDefault();
    add(files);
  });
  watchDrops(form, add);
}

/** Files may be dropped anywhere on the page: beside the box, the browser would leave the page for them. */
function watchDrops(form, add) {
  const mark = (on) => form.classList.toggle("composer-over", on);
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
  document.addEventListener("drop", (event) => {
    mark(false);
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    add(files);
  });
}

/** What a file says; null for one that is no text. */
async function textOf(file) {
  if (file.size > MOST_BYTES) return " ".repeat(MOST_BYTES); // too long, whatever it says
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

function blockOf(name, text) {
  const fences = (text.match(LONGEST_FENCE) ?? []).map((fence) => fence.length);
  const fence = "`".repeat(Math.max(2, ...fences) + 1);
  const language = /\.([A-Za-z0-9]{1,12})$/.exec(name)?.[1].toLowerCase() ?? "";
  return `${name}\n${fence}${language}\n${text.replace(/\r\n?/g, "\n").trimEnd()}\n${fence}`;
}
