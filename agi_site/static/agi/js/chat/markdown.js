/**
 * A small Markdown for text that is still being written; the server renders the final one. Blocks that are complete
 * are built once, only the last is built again, so a long answer costs no more per token than a short one.
 * Everything becomes text nodes and known elements: nothing from the model is taken as HTML.
 */
export class GrowingMarkdown {
  constructor(place) {
    this.place = place;
    this.done = 0; // how far complete blocks reach, in UTF-16 units
    this.tail = [];
  }

  show(text) {
    const boundary = lastBoundary(text, this.done);
    for (const old of this.tail) old.remove();
    if (boundary > this.done) {
      this.place.append(...blocks(text.slice(this.done, boundary)));
      this.done = boundary;
    }
    this.tail = blocks(text.slice(this.done));
    this.place.append(...this.tail);
  }
}

/** Where the last blank line outside of a code fence ends: what stands before it will not change. */
function lastBoundary(text, from) {
  let fenced = false;
  let boundary = from;
  let position = from;
  const lines = text.slice(from).split("\n");
  lines.pop(); // the last line may still grow
  for (const line of lines) {
    position += line.length + 1;
    if (/^\s*(```|~~~)/.test(line)) fenced = !fenced;
    if (!fenced && line.trim() === "" && !continuesList(text, position)) boundary = position;
  }
  return boundary;
}

/** A list goes on over blank lines; cutting it there would start its numbers anew. */
const continuesList = (text, position) => /^\s*(?:[-*+]|\d+[.)])?\s*$|^\s*(?:[-*+]|\d+[.)])\s|^ {2,}\S/.test(
  text.slice(position).split("\n", 1)[0],
);

function blocks(text) {
  const made = [];
  const lines = text.split("\n");
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (line.trim() === "") at += 1;
    else if (/^\s*(```|~~~)/.test(line)) at = fence(lines, at, made);
    else if (/^#{1,6}\s/.test(line)) {
      made.push(inline(element(line.match(/^#+/)[0].length <= 2 ? "h3" : "h4"), line.replace(/^#+\s*/, "")));
      at += 1;
    } else if (LIST.test(line)) at = list(lines, at, made);
    else if (isTable(lines, at)) at = table(lines, at, made);
    else if (/^\s*>/.test(line)) {
      const quote = [];
      while (at < lines.length && /^\s*>/.test(lines[at])) quote.push(lines[at++].replace(/^\s*>\s?/, ""));
      made.push(inline(element("blockquote"), quote.join("\n")));
    } else {
      const paragraph = [];
      while (at < lines.length && lines[at].trim() !== "" && !STARTS.test(lines[at])) paragraph.push(lines[at++]);
      if (!paragraph.length) paragraph.push(lines[at++]);
      made.push(inline(element("p"), paragraph.join("\n")));
    }
  }
  return made;
}

const LIST = /^\s*(?:[-*+]|\d+[.)])\s+/;
const STARTS = /^\s*(?:```|~~~|#{1,6}\s|>|(?:[-*+]|\d+[.)])\s)/;
const element = (name) => document.createElement(name);

function fence(lines, start, made) {
  const code = [];
  let at = start + 1;
  while (at < lines.length && !/^\s*(```|~~~)\s*$/.test(lines[at])) code.push(lines[at++]);
  const box = element("div");
  box.className = "code";
  const pre = element("pre");
  const inner = element("code");
  inner.textContent = code.join("\n");
  pre.append(inner);
  box.append(pre);
  made.push(box);
  return at + 1;
}

function list(lines, start, made) {
  const ordered = /^\s*\d/.test(lines[start]);
  const box = element(ordered ? "ol" : "ul");
  if (ordered) box.start = Number.parseInt(lines[start], 10) || 1;
  let at = start;
  while (at < lines.length) {
    if (LIST.test(lines[at])) box.append(inline(element("li"), lines[at].replace(LIST, "")));
    else if (lines[at].trim() !== "" && /^\s{2,}/.test(lines[at])) {
      box.lastElementChild.append("\n");
      inline(box.lastElementChild, lines[at].trim());
    } else if (!(lines[at].trim() === "" && LIST.test(lines[at + 1] ?? ""))) break;
    at += 1;
  }
  made.push(box);
  return at;
}

const isTable = (lines, at) => lines[at].includes("|") && /^\s*\|?\s*:?-+:?\s*(\||$)/.test(lines[at + 1] ?? "");

function table(lines, start, made) {
  const box = element("table");
  let at = start;
  while (at < lines.length && lines[at].includes("|")) {
    if (at !== start + 1) {
      const row = box.insertRow();
      const cells = lines[at].trim().replace(/^\||\|$/g, "").split("|");
      for (const cell of cells) row.append(inline(element(at === start ? "th" : "td"), cell.trim()));
    }
    at += 1;
  }
  const scroll = element("div");
  scroll.className = "table-scroll";
  scroll.append(box);
  made.push(scroll);
  return at;
}

const INLINE = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)|(\*[^*\s][^*\n]*\*)|\[([^\]\n]+)\]\((https?:[^)\s]+)\)|\[(\d{1,3})\]/g;

function inline(into, text) {
  let last = 0;
  for (const match of text.matchAll(INLINE)) {
    into.append(text.slice(last, match.index));
    into.append(styled(match));
    last = match.index + match[0].length;
  }
  into.append(text.slice(last));
  return into;
}

function styled([whole, code, bold, italic, label, address, number]) {
  if (code) return Object.assign(element("code"), { textContent: code.slice(1, -1) });
  if (bold) return Object.assign(element("strong"), { textContent: bold.slice(2, -2) });
  if (italic) return Object.assign(element("em"), { textContent: italic.slice(1, -1) });
  if (number) return Object.assign(element("span"), { className: "source-number", textContent: number });
  if (address) return Object.assign(element("a"), { href: address, textContent: label, rel: "noopener nofollow" });
  return document.createTextNode(whole);
}
