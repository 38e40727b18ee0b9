/** Code blocks that can be run: the button, and the card below it that follows what the code prints. */
import { elementsOf, getHtml, postForm } from "./fetching.js";
import { toast } from "../toasts.js";

const SHOWN_CHARACTERS = 200_000; // beyond that the page would crawl; the sandbox's own page has the rest

export function watchRuns(list) {
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-run]");
    if (button) start(button);
  });
  list.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-run-stop]");
    if (!form) return;
    event.preventDefault();
    form.querySelector("button").disabled = true;
    postForm(form).catch(tell);
  });
}

async function start(button) {
  const block = button.closest(".code");
  const form = document.getElementById("run-form"); // carries the address and the token
  const body = new FormData(form);
  body.set("code", block.querySelector("pre").textContent);
  body.set("language", button.dataset.run);
  button.disabled = true;
  try {
    const card = elementsOf(await postForm(form, body)).querySelector("[data-run-card]");
    const before = block.nextElementSibling;
    if (before?.matches("[data-run-card]")) before.remove();
    block.after(card);
    follow(card);
  } catch (error) {
    tell(error);
  } finally {
    button.disabled = false;
  }
}

function follow(card) {
  const source = new EventSource(card.dataset.events);
  const places = Object.fromEntries(
    [...card.querySelectorAll("[data-stream]")].map((place) => [place.dataset.stream, place]),
  );
  source.addEventListener("output", (event) => {
    const { stream, text } = JSON.parse(event.data);
    const place = places[stream];
    if (place && place.textContent.length < SHOWN_CHARACTERS) place.append(text);
    place?.parentElement.scrollTo(0, place.parentElement.scrollHeight);
  });
  for (const name of ["ended", "reset"]) {
    source.addEventListener(name, () => {
      source.close();
      renew(card);
    });
  }
  source.onerror = () => {
    if (!card.isConnected) source.close();
    else if (source.readyState === EventSource.CLOSED) setTimeout(() => renew(card), 1500);
  };
}

/** The card as the row has it; one that still runs is followed again. */
async function renew(card) {
  if (!card.isConnected) return;
  try {
    const fresh = elementsOf(await getHtml(card.dataset.address)).querySelector("[data-run-card]");
    card.replaceWith(fresh);
    if (fresh.dataset.status !== "ended") follow(fresh);
  } catch (error) {
    if (error.status !== 404) setTimeout(() => renew(card), 2000);
  }
}

const tell = (error) => toast(error.message, "error");
