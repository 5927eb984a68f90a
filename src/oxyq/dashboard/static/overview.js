// The first page live: durations and sizes here, plain numbers by live.js; what is told in words comes anew with the page.
import { refresh } from "./live.js";

const locale = document.body.dataset.locale;
const number = (value, digits) => new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);

document.addEventListener("board-value", ({ detail: { topic, value } }) => {
  if (topic !== "overview") return;
  put("duration", value, duration);
  put("bytes", value, bytes);
  if (document.querySelector("[data-words]").dataset.words !== value.words) refresh();
});

function put(kind, value, write) {
  for (const element of document.querySelectorAll(`[data-${kind}]`)) {
    const found = element.dataset[kind].split(".").reduce((inner, key) => inner?.[key], value);
    const text = found == null ? "–" : write(found);
    if (element.textContent !== text) element.textContent = text;
  }
}

// As formats.py writes them.
function duration(ms) {
  if (ms < 1000) return `${number(ms, ms >= 10 ? 0 : 1)} ms`;
  if (ms < 60_000) return `${number(ms / 1000, 1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return parts(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 48 * 60) return parts(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.floor(minutes / 60);
  return parts(Math.floor(hours / 24), "d", hours % 24, "h");
}

function parts(most, unit, rest, smaller) {
  return rest ? `${most} ${unit} ${rest} ${smaller}` : `${most} ${unit}`;
}

function bytes(count) {
  let power = 0;
  for (; count >= 1024 && power < 4; power += 1) count /= 1024;
  return `${number(count, 1)} ${["B", "KB", "MB", "GB", "TB"][power]}`;
}
