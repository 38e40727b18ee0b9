/** Storage may be switched off; drafts are then not kept. */
export function storage(use) {
  try {
    return use();
  } catch {
    return null;
  }
}
