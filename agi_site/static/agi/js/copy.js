/** data-copy="selector" copies that element's text; without a selector, the code block the button stands in. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = button.dataset.copy
    ? document.querySelector(button.dataset.copy)
    : button.closest(".code").querySelector("pre");
  if (!source) return;
  await copyText(source.dataset.source ?? source.innerText.replace(/\n$/, ""));
  confirmOn(button);
});

/** Puts text on the clipboard, also where the page is served without TLS. */
export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text });
  area.style.cssText = "position:fixed;inset:0;opacity:0";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** The button shows a tick for a moment and says so. */
function confirmOn(button) {
  const use = button.querySelector("use");
  const before = use?.getAttribute("href");
  use?.setAttribute("href", before.replace(/#.*/, "#check"));
  const label = button.getAttribute("aria-label");
  if (button.dataset.copied) button.setAttribute("aria-label", button.dataset.copied);
  setTimeout(() => {
    use?.setAttribute("href", before);
    if (label) button.setAttribute("aria-label", label);
  }, 1500);
}
