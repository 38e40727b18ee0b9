/** While a plan runs, the list looks again now and then; not while somebody is in it, nor in a hidden tab. */
const EVERY_MS = 4000;

setInterval(() => {
  const rows = document.getElementById("rows");
  if (document.hidden || !rows?.querySelector("[data-busy]") || rows.contains(document.activeElement)) return;
  htmx.ajax("GET", location.pathname + location.search, { target: "#rows", swap: "innerHTML" });
}, EVERY_MS);
