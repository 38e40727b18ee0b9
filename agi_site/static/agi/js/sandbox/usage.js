/** Lines of what a sandbox uses, drawn as SVG; a new sample moves them on. The table below has the same in numbers. */
const KEPT = 180;
const WIDTH = 320;
const HEIGHT = 96;
const SVG = "http://www.w3.org/2000/svg";
const language = document.documentElement.lang;
const root = document.getElementById("sandbox");
const samples = JSON.parse(document.getElementById("usage-samples")?.textContent ?? "[]");
let last = null;

const FORMS = {
  percent: (value) => `${format(value, 0)} %`,
  bytes: (value) => size(value),
  rate: (value) => `${size(value)}/s`,
};

function format(value, digits) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

function size(value) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${format(value, value < 10 && at ? 1 : 0)} ${units[at]}`;
}

function draw() {
  document.getElementById("no-samples")?.toggleAttribute("hidden", samples.length > 0);
  const place = document.getElementById("charts");
  if (!place) return;
  const limits = JSON.parse(place.dataset.limits || "{}");
  for (const figure of place.querySelectorAll("[data-chart]")) drawOne(figure, limits);
}

function drawOne(figure, limits) {
  const keys = figure.dataset.chart.split(" ");
  const names = figure.dataset.names.split("|");
  const form = FORMS[figure.dataset.unit];
  const limit = limits[keys.length > 1 ? "network" : keys[0]];
  const values = samples.flatMap((sample) => keys.map((key) => sample[key] ?? 0));
  const peak = Math.max(...values, 0);
  // the top is the limit, so that the way to it is seen; a rate is seen against its own peak
  const top = keys.length === 1 && limit ? Math.max(limit, peak) : Math.max(peak * 1.2, 1024);
  const chart = document.createElementNS(SVG, "svg");
  chart.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  chart.setAttribute("preserveAspectRatio", "none");
  chart.setAttribute("role", "img");
  const newest = samples.at(-1);
  const said = keys.map((key) => (newest?.[key] == null ? "–" : form(newest[key])));
  chart.setAttribute("aria-label", names.map((name, at) => `${name}: ${said[at]}`).join(", "));
  for (const part of [1, 2, 3]) chart.append(line(`M0 ${(HEIGHT / 4) * part}H${WIDTH}`, "chart-grid"));
  keys.forEach((key, at) => {
    const points = samples.map((sample, index) => [
      WIDTH - ((samples.length - 1 - index) * WIDTH) / Math.max(samples.length - 1, 23),
      HEIGHT - 1 - ((sample[key] ?? 0) / top) * (HEIGHT - 4),
    ]);
    if (!points.length) return;
    const path = points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    if (!at) chart.append(line(`${path}V${HEIGHT}H${points[0][0].toFixed(1)}Z`, "chart-area"));
    chart.append(line(path, at ? "chart-line chart-line-second" : "chart-line"));
  });
  figure.querySelector("svg")?.remove();
  figure.append(chart);
  const of = limit && keys.length === 1 ? ` / ${form(limit)}` : "";
  const shown = keys.length > 1 ? `↓ ${said[0]}  ↑ ${said[1]}` : said[0] + of;
  figure.querySelector("output").textContent = newest ? shown : "–";
}

function line(path, name) {
  const made = document.createElementNS(SVG, "path");
  made.setAttribute("d", path);
  made.setAttribute("class", name);
  return made;
}

root.addEventListener("sandbox:usage", (event) => {
  const told = event.detail;
  const now = { ...told, time: Date.now() };
  const rate = (name) =>
    last && told[name] != null && last[name] != null
      ? Math.max(0, (told[name] - last[name]) / ((now.time - last.time) / 1000))
      : null;
  const cpu = told.cpu_percent ?? (rate("cpu_seconds") ?? 0) * 100;
  samples.push({ at: now.time, cpu, memory: told.memory, disk: told.disk_used, rx: rate("rx_bytes"), tx: rate("tx_bytes") });
  samples.splice(0, samples.length - KEPT);
  last = now;
  draw();
});

document.body.addEventListener("htmx:afterSwap", draw);
draw();
