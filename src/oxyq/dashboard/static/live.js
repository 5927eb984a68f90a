// Live pages: one stream of events per visible tab. `data-topics` of the body says what this page shows.
//   value:  {topic, value} goes into every [data-live="topic:path.in.value"].
//   change: the page is asked for again, and its [data-region] parts are put in place of the old ones.

const body = document.body;
const status = document.getElementById("live");
const away = document.getElementById("away");
const REFRESH_MS = 2_000; // not more often than that, however fast things change
const locale = body.dataset.locale;

let source = null;
let refreshing = null;
let lastRefresh = Date.now();
let afterRefresh = () => {};

export function listen(options) {
  afterRefresh = options.afterRefresh ?? afterRefresh;
  if (!body.dataset.topics) return;
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  addEventListener("pagehide", stop);
  if (!document.hidden) start();
}

function start() {
  if (source) return;
  source = new EventSource(`${body.dataset.events}?topics=${encodeURIComponent(body.dataset.topics)}`);
  source.addEventListener("open", () => tell(true));
  source.addEventListener("value", (event) => show(JSON.parse(event.data)));
  source.addEventListener("change", () => refreshSoon());
  source.addEventListener("away", () => { away.hidden = false; });
  source.addEventListener("back", () => { away.hidden = true; refreshSoon(); });
  source.addEventListener("ended", () => location.reload());
  source.addEventListener("error", () => {
    tell(false);
    // The browser tries again by itself, except when it was answered with an error.
    if (source?.readyState === EventSource.CLOSED) { stop(); setTimeout(retry, 5_000); }
  });
}

async function retry() {
  if (document.hidden || source) return;
  const answer = await fetch(location.href, { method: "HEAD" }).catch(() => null);
  if (answer?.status === 401) location.reload();
  else start();
}

function stop() {
  source?.close();
  source = null;
}

function tell(isLive) {
  if (!status) return;
  status.hidden = false;
  status.classList.toggle("on", isLive);
  const text = isLive ? body.dataset.liveOn : body.dataset.liveOff;
  if (status.textContent !== text) status.textContent = text;
}

// --- values ---

const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });

function show({ topic, value }) {
  for (const element of document.querySelectorAll(`[data-live^="${CSS.escape(topic)}:"]`)) {
    const found = element.dataset.live.slice(topic.length + 1).split(".").reduce((inner, key) => inner?.[key], value);
    if (found === undefined) continue;
    if (element instanceof HTMLProgressElement) { element.value = found; continue; }
    if (typeof found === "boolean") { element.hidden = !found; continue; }
    const text = typeof found === "number" ? number.format(found) : (found ?? "–");
    if (element.textContent !== text) element.textContent = text;
  }
  document.dispatchEvent(new CustomEvent("board-value", { detail: { topic, value } }));
}

// --- parts of the page ---

function refreshSoon() {
  if (refreshing) return;
  refreshing = setTimeout(refresh, Math.max(0, lastRefresh + REFRESH_MS - Date.now()));
}

export async function refresh() {
  lastRefresh = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.status === 401) return location.reload();
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-region]")) {
      const other = fresh.querySelector(`[data-region="${CSS.escape(part.dataset.region)}"]`);
      if (other && !isInUse(part)) part.replaceWith(document.adoptNode(other));
    }
    afterRefresh();
  } finally {
    refreshing = null;
  }
}

// What somebody reads with the keyboard, fills in or ticks is not taken from under the fingers.
function isInUse(part) {
  return part.contains(document.activeElement) && document.activeElement !== document.body
    || part.querySelector("input:checked:not([data-default]), details[open], textarea:focus") !== null;
}
