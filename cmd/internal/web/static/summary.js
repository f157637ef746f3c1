// The counts, which filter too; the banners; and the connection.
import { byId, el, setText } from "./dom.js";
import { batch, failed, kinds, maintenance, notStarted, online, other, statusOf, stopped } from "./fleet.js";
import { words, statusText, timeText } from "./words.js";

// kindText is a kind in words.
export function kindText(kind) {
  const status = statusOf(kind);
  if (status) return statusText(status);
  return { [failed]: words.failed, [maintenance]: words.maintenance }[kind] ?? words.others;
}

export class Summary {
  constructor(fleet, viewed) {
    this.fleet = fleet;
    this.viewed = viewed;
    this.link = "waiting";
    this.last = Date.now();
  }

  // build makes the buttons in the words that stand.
  build() {
    this.total = el("button", { type: "button", className: "count all", onclick: () => this.only() }, el("b"), el("span"));
    this.running = el("div", { className: "count plain" }, el("b"), el("span"));
    this.buttons = kinds.map((kind, i) => el("button", { type: "button", className: `count ${kind}`, title: i === maintenance ? words.onlyMaintenance : words.onlyThese(kindText(i)),
      onclick: () => this.only(i) }, el("b"), el("span", {}, kindText(i))));
    byId("summary").replaceChildren(this.total, this.running, this.buttons[stopped], this.buttons[maintenance],
      el("span", { className: "rule", "aria-hidden": "true" }), ...[online, batch, notStarted, failed, other].map((i) => this.buttons[i]));
  }

  only(kind) {
    const only = this.fleet.only;
    if (kind === undefined) only.clear();
    else if (!only.delete(kind)) only.add(kind);
    this.draw();
    this.viewed();
  }

  draw() {
    const f = this.fleet, n = (x) => x.toLocaleString(words.code);
    setText(this.total.firstChild, n(f.size));
    setText(this.total.lastChild, words.servers);
    this.total.setAttribute("aria-pressed", String(f.only.size === 0));
    setText(this.running.firstChild, n(f.size - f.counts[stopped] - f.counts[maintenance]));
    setText(this.running.lastChild, statusText("RUNNING"));
    this.buttons.forEach((button, i) => {
      setText(button.firstChild, n(f.counts[i]));
      button.setAttribute("aria-pressed", String(f.only.has(i)));
      button.hidden = i !== stopped && f.counts[i] === 0 && !f.only.has(i);
      button.classList.toggle("nothing", f.counts[i] === 0);
    });
    this.banners();
    const host = f.state?.host ?? "";
    setText(byId("host"), host && words.manager(host));
    document.title = (f.counts[stopped] ? `(${f.counts[stopped]}) ` : "") + ["renraku", host].filter(Boolean).join(" · ");
  }

  connected(link, last) {
    this.link = link;
    this.last = last;
    this.banners();
  }

  // banners shows what is wrong with the whole; each stands once, and the same text is not written again.
  banners() {
    const s = this.fleet.state, lost = this.link === "lost";
    const all = [];
    if (lost) all.push(["bad", words.stale(timeText(this.last))]);
    if (s && !s.monitoring) all.push(["bad", words.ended]);
    if (s?.isolated) all.push(["warn", words.isolated(s.host)]);
    if (s?.refused) all.push(["warn", words.refused(s.refused)]);
    if (s?.blocked_count) all.push(["note", words.blocked(s.blocked, s.blocked_count - s.blocked.length)]);
    if (s?.trouble) all.push(["warn", words.trouble(s.trouble)]);
    const now = JSON.stringify(all);
    if (now !== this.shown) {
      this.shown = now;
      byId("banners").replaceChildren(...all.map(([level, text]) => el("p", { className: `banner ${level}` }, text)));
    }
    document.body.classList.toggle("stale", lost);
    byId("link").className = "link " + this.link;
    setText(byId("link-text"), words[{ waiting: "connecting", live: "live", lost: "lost", paused: "paused" }[this.link]]);
  }
}
