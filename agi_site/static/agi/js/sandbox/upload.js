/** Uploads by choosing or dropping, with progress; the folder's list is fetched again at the end. */
import { toast } from "../toasts.js";

document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-upload]");
  if (form && event.target.type === "file" && event.target.files.length) send(form, [...event.target.files]);
});

for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    const form = document.querySelector("[data-upload]");
    if (!form || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // a file dropped beside the place must not open in its stead
    const inside = name !== "dragleave" && name !== "drop";
    form.classList.toggle("upload-over", inside && (form.contains(event.target) || name === "dragover"));
    if (name === "drop" && event.dataTransfer.files.length) send(form, [...event.dataTransfer.files]);
  });
}

function send(form, files) {
  const data = new FormData();
  for (const field of form.querySelectorAll("input[type=hidden], input[type=checkbox]:checked")) {
    data.append(field.name, field.value);
  }
  for (const file of files) data.append("files", file);
  const bar = form.querySelector("progress");
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("HX-Request", "true");
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) bar.value = (event.loaded / event.total) * 100;
  });
  request.addEventListener("load", () => ended(form, request));
  request.addEventListener("error", () => failed(form, form.dataset.failed));
  bar.value = 0;
  bar.hidden = false;
  form.setAttribute("aria-busy", "true");
  request.send(data);
}

function ended(form, request) {
  if (request.status >= 400) {
    const said = request.getResponseHeader("X-Problem");
    failed(form, said ? decodeURIComponent(said) : form.dataset.failed);
    return;
  }
  tidy(form);
  htmx.ajax("GET", form.dataset.list, { target: "#listing", swap: "innerHTML" });
}

function failed(form, text) {
  tidy(form);
  toast(text, "error");
}

function tidy(form) {
  form.querySelector("progress").hidden = true;
  form.querySelector("input[type=file]").value = "";
  form.removeAttribute("aria-busy");
  form.classList.remove("upload-over");
}
