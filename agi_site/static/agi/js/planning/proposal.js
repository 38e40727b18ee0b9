/** A proposal that is being made: the page goes on when it is there. */
import { Live } from "../chat/live.js";

const root = document.getElementById("proposal");

if (root.dataset.state === "thinking") {
  const live = new Live({
    address: root.dataset.events,
    after: root.dataset.after || undefined,
    events: ["draft", "reset"],
    isBusy: () => true,
    onEvent: () => {
      live.close();
      location.reload();
    },
  });
}
