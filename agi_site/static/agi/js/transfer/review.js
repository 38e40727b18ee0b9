// The review of mappings by keyboard: J and K move, A accepts, R rejects, E edits, U takes back, W says why.

const rows = () => [...document.querySelectorAll("[data-review] > .mapping")];

/** The row that has the focus, or the one it lies in. */
const current = () => document.activeElement?.closest?.(".mapping") ?? null;

function move(step) {
  const all = rows();
  const at = all.indexOf(current());
  const next = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function writing(event) {
  return event.ctrlKey || event.metaKey || event.altKey || event.isComposing
    || event.target.closest?.("input, textarea, select, [contenteditable], dialog");
}

document.addEventListener("keydown", (event) => {
  if (writing(event)) return;
  const key = event.code.startsWith("Key") ? event.code.slice(3).toLowerCase() : event.key;
  if (key === "j" || key === "k") {
    event.preventDefault();
    move(key === "j" ? 1 : -1);
    return;
  }
  const row = current();
  if (!row) return;
  if (key === "w") {
    const why = row.querySelector(".why");
    if (why) why.open = !why.open;
    return;
  }
  const target = row.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (target) {
    event.preventDefault();
    target.click();
  }
});

// A decided row is swapped for its new self; the focus goes to the next one that waits.
document.addEventListener("htmx:beforeSwap", (event) => {
  const row = event.detail.target.closest?.(".mapping");
  if (row) event.detail.target.dataset.had = row.contains(document.activeElement) ? "1" : "";
});

document.addEventListener("htmx:afterSwap", (event) => {
  const old = event.detail.target;
  if (!old.classList?.contains("mapping") || old.dataset.had !== "1") return;
  const all = rows();
  const at = all.findIndex((row) => row.id === old.id);
  const next = all.slice(at + 1).find((row) => row.classList.contains("mapping-candidate")) ?? all[at];
  next?.focus();
});
