/** Native dialogs: data-open-dialog="id" opens, data-close-dialog closes, a click beside the dialog closes too. */
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.openDialog);
    if (!dialog) return;
    event.preventDefault();
    fill(dialog, opener);
    dialog.showModal();
    dialog.querySelector("[autofocus]")?.select?.();
    return;
  }
  const closer = event.target.closest("[data-close-dialog]");
  if (closer) closer.closest("dialog").close();
  else if (event.target instanceof HTMLDialogElement) event.target.close();
});

/** One dialog may serve many rows: the opener brings the form's address, the fields' values and the name shown. */
function fill(dialog, opener) {
  const form = dialog.querySelector("form");
  if (opener.dataset.action) form.action = opener.dataset.action;
  for (const [key, value] of Object.entries(opener.dataset)) {
    if (key.startsWith("field")) {
      const input = form.elements[key.slice(5).toLowerCase()];
      if (input) input.value = value;
    } else if (key.startsWith("show")) {
      const place = dialog.querySelector(`[data-place="${key.slice(4).toLowerCase()}"]`);
      if (place) place.textContent = value;
    }
  }
}
