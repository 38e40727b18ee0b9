/** Bringing in files: shows what was chosen, leaves out what is too large before it is sent, and shows how far the
 * upload is. Without this the form works as it is: the import then names the files that were too large. */
import { toast } from "./toasts.js";

const form = document.querySelector("[data-import]");
const input = form.querySelector("input[type=file]");
const place = input.closest(".drop");
const bar = form.querySelector("progress");
const tooLarge = (file) => file.size > Number(form.dataset.most);

input.addEventListener("change", () => {
  const rows = [...input.files].map((file) => {
    const row = document.createElement("li");
    row.textContent = file.name;
    if (tooLarge(file)) {
      row.className = "left-out";
      row.append(Object.assign(document.createElement("span"), { textContent: form.dataset.tooLarge }));
    }
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
  const sent = new FormData(form);
  const files = sent.getAll("files").filter((file) => !tooLarge(file));
  if (!files.length && !sent.get("urls").trim()) {
    toast(form.dataset.noneLeft, "error");
    return;
  }
  sent.delete("files");
  for (const file of files) sent.append("files", file);
  const request = new XMLHttpRequest();
  request.open("POST", location.href);
  request.upload.addEventListener("progress", (done) => {
    if (done.lengthComputable) bar.value = (done.loaded / done.total) * 100;
  });
  request.addEventListener("load", () => ended(request));
  request.addEventListener("error", () => failed(form.dataset.failed));
  bar.value = 0;
  bar.hidden = false;
  busy(true);
  request.send(sent);
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
