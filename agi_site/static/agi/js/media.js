/** Uploads begin as soon as files are chosen or dropped; this shows how far they are. */
const form = document.querySelector("[data-media-upload]");
const input = form.querySelector("input[type=file]");
const place = form.querySelector(".drop");
const bar = form.querySelector("progress");

for (const name of ["dragenter", "dragleave", "drop"]) {
  input.addEventListener(name, () => place.classList.toggle("drop-over", name === "dragenter"));
}

form.addEventListener("htmx:beforeRequest", () => busy(true));
form.addEventListener("htmx:xhr:progress", (event) => {
  if (event.detail.lengthComputable) bar.value = (event.detail.loaded / event.detail.total) * 100;
});
form.addEventListener("htmx:afterRequest", () => {
  busy(false);
  input.value = ""; // the same file may be chosen once more
});

function busy(now) {
  bar.value = 0;
  bar.hidden = !now;
  form.setAttribute("aria-busy", String(now));
}
