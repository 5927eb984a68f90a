// <board-chart>: reads the bars out, by mouse, touch or keyboard, and draws them anew when there is news.
// The drawing itself comes from the server (charts.py), at first in the page and later as values of the topic.

const DAY_MS = 86_400_000;

class BoardChart extends HTMLElement {
  connectedCallback() {
    const locale = document.body.dataset.locale;
    const zone = { timeZone: this.dataset.zone };
    this.numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
    this.days = new Intl.DateTimeFormat(locale, { ...zone, day: "2-digit", month: "2-digit" });
    this.clock = new Intl.DateTimeFormat(locale, { ...zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    this.svg = this.querySelector("svg");
    this.cursor = this.querySelector(".cursor");
    this.reading = this.querySelector(".reading");
    this.series = JSON.parse(this.dataset.series);
    this.makeWalker();
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerdown", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.leave());
    this.news = (event) => { if (event.detail.topic === this.dataset.topic) this.draw(event.detail.value); };
    document.addEventListener("board-value", this.news);
    if (!this.reading.textContent) this.reading.textContent = this.reading.dataset.hint;
    this.before = this.reading.textContent;
  }

  disconnectedCallback() {
    document.removeEventListener("board-value", this.news);
  }

  // A slider that is not seen: arrow keys walk from bar to bar, and a screen reader says each.
  makeWalker() {
    this.walker = document.createElement("input");
    Object.assign(this.walker, { type: "range", min: 0, max: this.series.points.length - 1, className: "visually-hidden" });
    this.walker.value = this.walker.max;
    this.walker.setAttribute("aria-label", this.dataset.walk);
    this.walker.setAttribute("aria-valuetext", this.words(Number(this.walker.value)));
    this.walker.addEventListener("input", () => this.show(Number(this.walker.value)));
    this.walker.addEventListener("focus", () => this.show(Number(this.walker.value)));
    this.walker.addEventListener("blur", () => this.leave());
    this.querySelector(".plot").append(this.walker);
  }

  point(event) {
    const box = this.svg.getBoundingClientRect();
    const place = Math.floor(((event.clientX - box.left) / box.width) * this.series.points.length);
    this.show(Math.min(Math.max(place, 0), this.series.points.length - 1));
  }

  show(place) {
    this.shown = place;
    this.cursor.setAttribute("x", place * 10);
    this.cursor.setAttribute("visibility", "visible");
    this.walker.value = place;
    this.reading.textContent = this.words(place);
    this.walker.setAttribute("aria-valuetext", this.reading.textContent);
  }

  leave() {
    if (document.activeElement === this.walker) return this.show(Number(this.walker.value));
    this.shown = undefined;
    this.cursor.setAttribute("visibility", "hidden");
    this.reading.textContent = this.before;
  }

  words(place) {
    const { first, step, points } = this.series;
    const [completed, failed, retried] = points[place].map((one) => this.numbers.format(one));
    const begins = first + place * step;
    const when = step >= DAY_MS ? this.time(begins) : `${this.time(begins)} – ${this.clock.format(begins + step)}`;
    const values = { when, completed, failed, retried };
    return this.dataset.reading.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
  }

  time(ms) {
    if (this.series.step >= DAY_MS) return this.days.format(ms);
    const isLong = this.dataset.marks === "day" || this.days.format(ms) !== this.days.format(Date.now());
    return isLong ? `${this.days.format(ms)} ${this.clock.format(ms)}` : this.clock.format(ms);
  }

  draw(series) {
    this.series = series;
    this.querySelector("path.done").setAttribute("d", series.done);
    this.querySelector("path.failed").setAttribute("d", series.failed);
    for (const element of this.querySelectorAll("[data-top]")) {
      element.textContent = this.numbers.format(series.top * Number(element.dataset.top));
    }
    for (const element of this.querySelectorAll("[data-total]")) {
      element.textContent = this.numbers.format(series.points.reduce((sum, point) => sum + point[element.dataset.total], 0));
    }
    for (const element of this.querySelectorAll("[data-mark]")) {
      const at = series.first + Math.floor((series.points.length * Number(element.dataset.mark)) / 3) * series.step;
      element.textContent = this.dataset.marks === "day" ? this.days.format(at) : this.time(at);
    }
    const rows = [...this.querySelectorAll("tbody tr")].reverse();
    series.points.forEach((point, place) => {
      const [time, ...cells] = rows[place].children;
      time.textContent = this.time(series.first + place * series.step);
      cells.forEach((cell, column) => { cell.textContent = this.numbers.format(point[column]); });
    });
    if (series.points.some(([completed, failed]) => completed || failed)) this.before = this.reading.dataset.hint;
    if (this.shown !== undefined) this.show(this.shown);
    else this.reading.textContent = this.before;
  }
}

customElements.define("board-chart", BoardChart);
