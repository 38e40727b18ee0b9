/** Requests to our own pages, asking for the partial as HTMX does. */

/** Thrown for an answer that is not 2xx; `message` is the server's sentence for people. */
export class Refused extends Error {
  constructor(response, said = response.headers.get("X-Problem")) {
    super(said ? decodeURIComponent(said) : `${response.status} ${response.statusText}`);
    this.status = response.status;
  }
}

export async function getHtml(address, target = "") {
  return send(address, { headers: target ? { "HX-Target": target } : {} });
}

export async function postForm(form, data = new FormData(form)) {
  return send(form.action, { method: "POST", body: data, headers: {} });
}

async function send(address, options) {
  const response = await fetch(address, {
    ...options,
    credentials: "same-origin",
    headers: { ...options.headers, "HX-Request": "true" },
  });
  if (response.redirected && new URL(response.url).pathname.startsWith("/accounts/")) {
    location.reload(); // which leads to the sign-in page, and back here
    throw Object.assign(new Error(""), { status: 401 }); // nothing was sent: what is written is kept
  }
  if (!response.ok) throw new Refused(response);
  return response.text();
}

/** Sends a form with a file, and tells how much of it is sent (0 to 1): `answer` is the HTML; `abort()` ends it. */
export function upload(address, data, onProgress) {
  const request = new XMLHttpRequest();
  const answer = new Promise((done, failed) => {
    request.open("POST", address);
    request.setRequestHeader("HX-Request", "true");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      if (new URL(request.responseURL).pathname.startsWith("/accounts/")) location.reload();
      else if (request.status < 300) done(request.responseText);
      else failed(new Refused(request, request.getResponseHeader("X-Problem")));
    });
    request.addEventListener("error", () => failed(new Error("")));
    request.addEventListener("abort", () => failed(new DOMException("", "AbortError")));
    request.send(data);
  });
  return { answer, abort: () => request.abort() };
}

/** The elements of a piece of HTML. */
export function elementsOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}
