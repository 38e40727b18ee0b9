/**
 * Texts and code in a textarea: Tab indents (Esc first lets Tab leave), Enter keeps the indent, Ctrl+S saves,
 * Ctrl+Enter sends. Leaving a page with unsaved text asks.
 */
const INDENT = "    ";

document.addEventListener("keydown", (event) => {
  const area = event.target.closest?.("textarea[data-code]");
  if (!area || event.isComposing) return;
  const chord = event.ctrlKey || event.metaKey;
  if (chord && event.key === "Enter") {
    event.preventDefault();
    area.form.requestSubmit();
  } else if (chord && event.key.toLowerCase() === "s") {
    event.preventDefault();
    if (area.form.matches("[data-editor]")) area.form.requestSubmit();
  } else if (event.key === "Escape") {
    area.dataset.leave = "";
    return;
  } else if (event.key === "Tab" && !chord && !event.altKey && !("leave" in area.dataset)) {
    event.preventDefault();
    indent(area, event.shiftKey);
  } else if (event.key === "Enter" && !chord && !event.shiftKey) {
    event.preventDefault();
    write(area, "\n" + lineBefore(area).match(/^[ \t]*/)[0]);
  }
  if (event.key !== "Shift") delete area.dataset.leave;
});

/** Through the browser's own command, so that undo knows of it. */
function write(area, text) {
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function lineBefore(area) {
  return area.value.slice(area.value.lastIndexOf("\n", area.selectionStart - 1) + 1, area.selectionStart);
}

function indent(area, back) {
  const { value, selectionStart, selectionEnd } = area;
  const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
  const unit = /^\t/m.test(value) ? "\t" : INDENT;
  if (!back && selectionStart === selectionEnd) {
    write(area, unit);
    return;
  }
  const lines = value.slice(start, selectionEnd).split("\n");
  const changed = lines.map((line) => (back ? line.replace(/^(\t| {1,4})/, "") : line ? unit + line : line));
  area.setSelectionRange(start, selectionEnd);
  write(area, changed.join("\n"));
  area.setSelectionRange(start, start + changed.join("\n").length);
}

const form = document.querySelector("[data-editor]");
if (form) watch(form);

function watch(editor) {
  const area = editor.querySelector("textarea");
  const state = editor.querySelector(".editor-state");
  let saved = state.textContent ? null : area.value;
  const isSaved = () => area.value === saved;
  area.addEventListener("input", () => (state.textContent = isSaved() ? "" : editor.dataset.unsaved));
  window.addEventListener("beforeunload", (event) => !isSaved() && saved !== null && event.preventDefault());
  editor.addEventListener("submit", async (event) => {
    event.preventDefault();
    const sent = area.value;
    const { postForm } = await import("../chat/fetching.js");
    try {
      editor.elements.seen.value = await postForm(editor);
      saved = sent;
      state.textContent = isSaved() ? editor.dataset.saved : editor.dataset.unsaved;
    } catch (error) {
      // it says that the file was changed meanwhile; who saves again writes over it
      if (error.status === 409) editor.elements.seen.value = "*";
      const { toast } = await import("../toasts.js");
      toast(error.message, "error");
    }
  });
}
