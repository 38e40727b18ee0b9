/**
 * The order of steps by dragging their handles, with a mouse or a finger. The buttons do the same by keyboard, and
 * without this script; after each change the server draws the editor anew.
 */
let dragged;

const editor = document.getElementById("editor");

editor.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest("[data-grip]");
  if (!grip || event.button) return;
  event.preventDefault();
  dragged = grip.closest(".editor-line");
  dragged.classList.add("is-dragged");
  grip.setPointerCapture(event.pointerId);
});

editor.addEventListener("pointermove", (event) => {
  if (!dragged) return;
  clear();
  const place = placeAt(event.clientY);
  if (place) place.line.classList.add(place.after ? "is-after" : "is-before");
  const edge = 60;
  if (event.clientY < edge) window.scrollBy(0, -12);
  if (event.clientY > window.innerHeight - edge) window.scrollBy(0, 12);
});

editor.addEventListener("pointerup", (event) => {
  if (!dragged) return;
  const place = placeAt(event.clientY);
  const moved = dragged;
  stop();
  if (!place || place.line === moved) return;
  place.line[place.after ? "after" : "before"](moved);
  const list = moved.parentElement;
  const steps = [...list.querySelectorAll("[data-id]")].map((line) => line.dataset.id);
  htmx.ajax("POST", list.dataset.order, { target: "#editor", swap: "innerHTML", values: { steps } });
});

editor.addEventListener("pointercancel", stop);
document.addEventListener("keydown", (event) => event.key === "Escape" && stop());

/** The line at a height, and whether its lower half. */
function placeAt(y) {
  for (const line of editor.querySelectorAll(".editor-line")) {
    const { top, bottom } = line.getBoundingClientRect();
    if (y >= top && y <= bottom) return { line, after: y > (top + bottom) / 2 };
  }
  return undefined;
}

function clear() {
  for (const line of editor.querySelectorAll(".is-before, .is-after")) line.classList.remove("is-before", "is-after");
}

function stop() {
  clear();
  dragged?.classList.remove("is-dragged");
  dragged = undefined;
}

// What is refused was asked of steps that have changed meanwhile: they are drawn as they are now.
document.body.addEventListener("htmx:responseError", (event) => {
  if (event.detail.requestConfig?.verb !== "post" || !editor.contains(event.detail.target)) return;
  htmx.ajax("GET", location.pathname, { target: "#editor", swap: "innerHTML" });
});

// Whoever moves a step by keyboard stays on the button that they pressed.
let pressed = "";
document.body.addEventListener("htmx:beforeRequest", (event) => (pressed = event.detail.elt?.id ?? ""));
document.body.addEventListener("htmx:afterSwap", () => {
  const again = pressed && document.getElementById(pressed);
  if (again && !again.disabled) again.focus();
  else if (again) again.closest("form").querySelector("button:not(:disabled)")?.focus();
});
