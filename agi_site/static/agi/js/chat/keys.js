/** Shortcuts; they leave people alone who are typing. */
export function watchKeys({ chat, composer }) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
    if (event.altKey) {
      if (event.code === "KeyN") {
        event.preventDefault();
        location.assign(chat.dataset.start);
      }
      return;
    }
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.key === "/") {
      event.preventDefault();
      composer.focus();
    } else if (event.key === "?") {
      document.getElementById("shortcuts")?.showModal();
    } else if (event.key === "Escape") {
      composer.stop();
    }
  });
}
