/** The start page's composer is the chat's own; sending leads to the new conversation. */
import { Composer } from "./chat/composer.js";

const chat = document.getElementById("chat");
const nothingRuns = { isRunning: false };
new Composer({ chat, list: chat, answers: nothingRuns, scroller: null }).focus();
