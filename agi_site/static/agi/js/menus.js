/** Menus are <details class="menu">: one open at a time, closed by Escape, by a click elsewhere or by a choice. */
const open = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("click", (event) => {
  const inside = event.target.closest("details.menu");
  for (const menu of open()) {
    const chose = menu === inside && event.target.closest(".menu-item");
    if (menu !== inside || chose) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary").focus();
      event.stopPropagation();
    }
    return;
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const menu = event.target.closest?.("details.menu[open]");
  if (!menu) return;
  event.preventDefault();
  const items = [...menu.querySelectorAll(".menu-items :is(a, button)")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  const next = items.indexOf(document.activeElement) + step;
  items[(next + items.length) % items.length]?.focus();
});
