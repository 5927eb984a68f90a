// What every page does with script: live numbers, live parts, times that go on. Without it every page works all the same.
import { listen } from "./live.js";

const locale = document.body.dataset.locale;

// --- menus close when one clicks elsewhere, or presses Escape ---
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.menu[open], details.confirm[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll("details.menu[open], details.confirm[open]")) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

// --- times: "há 5 minutos" goes on by itself ---
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function tellTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS.at(-1);
    const text = relative.format(Math.round(seconds / length), unit);
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(tellTimes, 10_000);

// --- a form is sent once, however often its button is pressed ---
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// --- "all of this page" over a table of ticks ---
document.addEventListener("change", (event) => {
  const all = event.target;
  if (!all.matches("[data-ticks]")) return;
  for (const one of document.querySelectorAll(`input[name="${CSS.escape(all.dataset.ticks)}"]`)) one.checked = all.checked;
});

listen({ afterRefresh: tellTimes });
