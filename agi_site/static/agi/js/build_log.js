// The log of an image's build, growing while it runs; the page is read anew when it has ended.
const box = document.getElementById("build-log");

if (box?.dataset.events) {
  let shown = box.textContent.length;
  const source = new EventSource(box.dataset.events);
  source.addEventListener("log", (event) => {
    // `at` is the length of the log after this piece: what the page came with is not shown twice
    const { text, at } = JSON.parse(event.data);
    const fresh = at > shown ? text.slice(-(at - shown)) : "";
    const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    box.append(fresh);
    shown = Math.max(shown, at);
    if (follows) box.scrollTop = box.scrollHeight;
  });
  source.addEventListener("ended", () => {
    source.close();
    window.location.reload();
  });
}
