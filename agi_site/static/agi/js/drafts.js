/** Signing out takes the drafts along: another person may use this browser next. */
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-sign-out]")) return;
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith("agi.draft.")) localStorage.removeItem(key);
  } catch {
    // storage is switched off, so nothing was kept
  }
});
