// What is in progress, and what has changed since the page was opened; and what of it is said aloud.
import { byId, el, setText } from "./dom.js";
import { operatingClass } from "./table.js";
import { words, minuteText, statusText, timeText, utcText } from "./words.js";

const maxChanges = 100;
const pauseBetween = 5000; // milliseconds between two announcements: a mass outage is one sentence
const maxNamed = 3;

export class Side {
  constructor(fleet, open) {
    this.fleet = fleet;
    this.open = open;
    this.changes = []; // the newest first
    this.toSay = { stopped: [], running: [] };
    this.saying = 0;
  }

  // changed notes what has changed.
  changed(changes) {
    const f = this.fleet;
    for (const { place, before } of changes) {
      const { running, until } = f.stands(place), host = f.hosts[place], at = f.since[place];
      if (running !== before.running) this.note(host, at, running ? "RUNNING" : "STOPPED", operatingClass(f, place));
      if (until !== before.until) this.note(host, f.now / 1000, until, "maintenance");
      this.hear(host, running, until, before);
      if (f.application[place] !== before.application) this.note(host, at, f.application[place], "application");
    }
    if (changes.length === 0) return;
    this.changes.length = Math.min(this.changes.length, maxChanges);
    this.drawChanges();
    if (!this.saying) this.say();
  }

  // hear has said aloud what is trouble now, and what is over. Of a server in maintenance nothing is; one that is STOPPED at the end of that is.
  hear(host, running, until, before) {
    if (until !== undefined) return;
    if (!running && (before.running || before.until !== undefined)) this.toSay.stopped.push(host);
    else if (running && !before.running) this.toSay.running.push(host);
  }

  note(host, at, status, kind) { this.changes.unshift({ host, at, status, kind }); }

  // say says what came since it last did.
  say() {
    const { stopped, running } = this.toSay, said = [];
    if (stopped.length) said.push(words.stopped(stopped.slice(0, maxNamed), stopped.length));
    if (running.length) said.push(words.running(running.slice(0, maxNamed), running.length));
    this.toSay = { stopped: [], running: [] };
    this.saying = said.length ? setTimeout(() => this.say(), pauseBetween) : 0;
    if (said.length) setText(byId("announce"), said.join(". "));
  }

  drawChanges() {
    byId("changes").replaceChildren(...(this.changes.length === 0 ? [el("li", { className: "quiet" }, words.noChanges)] : this.changes.map((c) =>
      el("li", {}, el("time", { dateTime: utcText(c.at * 1000), title: utcText(c.at * 1000) }, timeText(c.at * 1000)), " ", this.link(c.host), " ",
        el("span", { className: "mark " + c.kind }, this.text(c))))));
  }

  // text is what has become of the server.
  text({ kind, status }) {
    if (kind !== "maintenance") return statusText(status);
    return status === undefined ? words.maintenanceOver : words.maintenanceUntil(minuteText(status * 1000));
  }

  link(host) {
    const button = el("button", { type: "button", className: "text", onclick: () => this.open(host, button) }, host);
    return button;
  }

  drawProgress() {
    const s = this.fleet.state, orders = s?.orders ?? [];
    const now = JSON.stringify([orders, words.code]);
    if (now === this.shown) return;
    this.shown = now;
    const all = orders.map((o) => el("div", { className: "progress" },
      el("div", {}, words.orderOf(o.process, words.by[o.by] ?? o.by, o.done, o.servers)),
      el("progress", { max: o.servers, value: o.done, "aria-label": o.process }),
      o.waiting.length ? el("div", { className: "quiet" }, words.waitingFor(o.waiting, o.servers - o.done - o.waiting.length)) : null));
    if (orders.length === 0) all.push(el("p", { className: "quiet" }, words.noProgress));
    if (s?.order_count > orders.length) all.push(el("p", { className: "quiet" }, words.moreOrders(s.order_count - orders.length)));
    byId("progress").replaceChildren(...all);
  }

  draw() {
    this.drawProgress();
    this.drawChanges();
  }
}
