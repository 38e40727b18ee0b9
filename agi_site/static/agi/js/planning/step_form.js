/** Choosing a tool brings its fields at once; without this script the button beside it does. */
const form = document.getElementById("step-form");
const button = form.querySelector("[data-choose]");

if (button) {
  button.hidden = true;
  form.elements.tool_name.addEventListener("change", () => form.requestSubmit(button));
}
