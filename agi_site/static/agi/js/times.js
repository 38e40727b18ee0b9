/** Times in the reader's own zone and language; the server renders them in the installation's zone. */
const language = document.documentElement.lang;
const clock = new Intl.DateTimeFormat(language, { timeStyle: "short" });
const exact = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
const full = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short" });

/** Shows `<time data-clock>` as hour and minute (`data-clock="seconds"`: with seconds), and every time's full date on hover. */
export function localize(root) {
  for (const place of root.querySelectorAll("time[datetime]")) {
    const when = new Date(place.dateTime);
    if (Number.isNaN(when.getTime())) continue;
    place.title = full.format(when);
    if ("clock" in place.dataset) place.textContent = (place.dataset.clock ? exact : clock).format(when);
  }
}

localize(document);
document.addEventListener("htmx:load", (event) => localize(event.target));
