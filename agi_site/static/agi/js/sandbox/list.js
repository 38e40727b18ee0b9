/** The list of sandboxes looks again every few seconds, but never under somebody's fingers. */
const EVERY_MS = 5000;
const rows = document.getElementById("rows");

setInterval(() => {
  if (document.hidden || rows.contains(document.activeElement) || rows.querySelector("details[open]")) return;
  htmx.trigger(rows, "refresh");
}, EVERY_MS);
