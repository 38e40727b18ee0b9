/** Behaviour that every page has. Each module looks after one thing and does nothing where it is absent. */
import "./theme.js";
import "./menus.js";
import "./dialogs.js";
import "./toasts.js";
import "./copy.js";
import "./drafts.js";
import "./times.js";
