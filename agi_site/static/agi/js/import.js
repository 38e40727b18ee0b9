/** Bringing in files: shows what was chosen, and how far the upload is. Without this the form works as it is. */
import { toast } from "./toasts.js";

const form = document.querySelector("[data-import]");
const input = form.querySelector("input[type=file]");
const place = input.closest(".drop");
const bar = form.querySelector("progress");

input.addEventListener("change", () => {
  const rows = [...input.files].map((file) => {
    const row = document.createElement("li");
    row.textContent = file.name;
    return row;
  });
  form.querySelector("[data-chosen]").replaceChildren(...rows);
});

for (const name of ["dragenter", "dragleave", "drop"]) {
  input.addEventListener(name, () => place.classList.toggle("drop-over", name === "dragenter"));
}

form.addEventListener("submit", (event) => {
  if (!input.files.length) return; // addresses alone go the plain way
  event.preventDefault();
  const request = new XMLHttpRequest();
  request.open("POST", location.href);
  request.upload.addEventListener("progress", (sent) => {
    if (sent.lengthComputable) bar.value = (sent.loaded / sent.total) * 100;
  });
  request.addEventListener("load", () => ended(request));
  request.addEventListener("error", () => failed(form.dataset.failed));
  bar.value = 0;
  bar.hidden = false;
  busy(true);
  request.send(new FormData(form));
});

function ended(request) {
  if (request.status < 300) {
    location.assign(request.responseURL); // the page of the import, to which we were sent on
    return;
  }
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  const said = page.querySelector(".callout-danger p, .errorlist li") ?? page.querySelector("h1");
  failed(said ? said.textContent.trim() : form.dataset.failed);
}

function failed(text) {
  bar.hidden = true;
  busy(false);
  toast(text, "error");
}

function busy(now) {
  form.setAttribute("aria-busy", String(now));
  form.querySelector("button[type=submit]").disabled = now;
}
