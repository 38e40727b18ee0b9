/** Says so where this browser cannot show the file: players stay black, and pictures broken. */
const shown = document.querySelector(".media-view");
const said = document.getElementById("cannot-show");

function giveUp() {
  shown.hidden = true;
  said.hidden = false;
}

if (shown) {
  shown.addEventListener("error", giveUp);
  // it may have failed before this was loaded
  if (shown.error || (shown.complete && !shown.naturalWidth)) giveUp();
}
