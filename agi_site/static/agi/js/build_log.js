// The log of an image's build, growing while it runs; the page is read anew when it has ended.
const box = document.getElementById("build-log");
if (box?.dataset.events) {
  let shown = box.textContent.length;
  const source = new EventSource(box.dataset.events);
  source.addEventListener("log", (event) => {
    const { text, at } = JSON.parse(event.data);
    // `at` counts the characters after this piece: what the page came with is not shown twice
    const fresh = at === undefined ? text : text.slice(Math.max(0, text.length - Math.max(0, at - shown)));
    if (!fresh) return;
    const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    box.append(fresh);
    shown = at ?? shown + fresh.length;
    if (follows) box.scrollTop = box.scrollHeight;
  });
  for (const name of ["ended", "reset"]) {
    source.addEventListener(name, () => {
      source.close();
      window.location.reload();
    });
  }
}
