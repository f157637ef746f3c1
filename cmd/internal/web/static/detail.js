// One server with its history.
import { byId, el, setText } from "./dom.js";
import { kinds } from "./fleet.js";
import { operatingClass } from "./table.js";
import { words, minuteText, statusText, timeText, ageText, utcText } from "./words.js";

export class Detail {
  constructor(fleet, order) {
    this.fleet = fleet;
    this.order = order;
    this.box = byId("detail");
    this.host = "";
    this.box.addEventListener("keydown", (e) => {
      if (e.key === "Escape") this.close();
    });
  }

  // show opens the server; the focus comes back to from when it is closed.
  show(host, from) {
    this.host = host;
    this.from = from;
    this.build();
    this.title.focus();
  }

  close() {
    this.host = "";
    this.box.hidden = true;
    byId("overview").hidden = false;
    document.body.classList.remove("with-detail");
    if (this.from?.isConnected) this.from.focus();
    else byId("search").focus();
  }

  // build makes it in the words that stand, and asks for the history.
  build() {
    if (!this.host) return;
    this.title = el("h2", { tabIndex: -1 }, this.host);
    this.status = el("p", { className: "statuses" });
    this.since = el("p", { className: "quiet" });
    this.maintenance = el("p", { className: "banner note", hidden: true });
    this.note = el("p", { className: "banner note", hidden: true });
    this.button = el("button", { type: "button", onclick: () => this.order([this.host]) }, words.orderHere);
    this.body = el("tbody");
    this.more = el("button", { type: "button", hidden: true, onclick: () => this.load(this.next) });
    this.empty = el("p", { className: "quiet", hidden: true }, words.noHistory);
    this.wrong = el("p", { className: "banner bad", hidden: true, role: "alert" });
    this.box.replaceChildren(
      el("div", { className: "title" }, this.title, el("span", { className: "gap" }),
        el("button", { type: "button", className: "close", "aria-label": words.close, title: words.close, onclick: () => this.close() }, "✕")),
      this.status, this.since, this.maintenance, this.note, this.button, el("h3", {}, words.history),
      el("table", {}, el("thead", {}, el("tr", {}, ...words.historyColumns.map((c) => el("th", { scope: "col" }, c)))), this.body),
      this.empty, this.wrong, this.more);
    this.box.setAttribute("aria-label", this.host);
    this.box.hidden = false;
    byId("overview").hidden = true;
    document.body.classList.add("with-detail");
    this.drawn = "";
    this.draw();
    this.load();
  }

  // draw writes the status that stands now, and reads the history again where it has grown.
  draw() {
    const f = this.fleet, i = f.places.get(this.host);
    if (!this.host) return;
    if (i === undefined) {
      if (f.size > 0) this.close(); // the definition does not have it any more
      return;
    }
    const running = f.running[i] === 1, kind = kinds[f.condition[i]], until = f.until.get(i);
    const mark = (className, text) => el("span", { className: "mark large " + className }, text);
    const now = [running, f.application[i], until, words.code].join();
    if (now !== this.drawn) {
      this.drawn = now;
      this.status.replaceChildren(mark(operatingClass(f, i), statusText(running ? "RUNNING" : "STOPPED")), " ",
        mark(running ? kind : "unknown", statusText(f.application[i])));
    }
    setText(this.since, words.sinceFor(timeText(f.since[i] * 1000, true), ageText(f.now / 1000 - f.since[i])));
    this.since.title = utcText(f.since[i] * 1000);
    this.maintenance.title = until === undefined ? "" : utcText(until * 1000);
    this.maintenance.hidden = until === undefined;
    setText(this.maintenance, until === undefined ? "" : words.maintenanceHere(minuteText(until * 1000, true)));
    this.note.hidden = !f.state.blocked.includes(this.host);
    setText(this.note, words.blockedHere);
    this.button.hidden = !f.state.can_order;
    const last = JSON.stringify(f.results.get(i) ?? null);
    if (this.last !== undefined && this.last !== last) this.load();
    this.last = last;
  }

  async load(before) {
    const host = this.host;
    try {
      const query = new URLSearchParams({ host, ...(before ? { before } : {}) });
      const answer = await fetch("/api/history?" + query);
      if (!answer.ok) throw new Error(await answer.text());
      const a = await answer.json();
      if (host !== this.host) return;
      const rows = a.records.map((r) => this.row(r));
      if (before) this.body.append(...rows);
      else this.body.replaceChildren(...rows);
      this.next = a.next;
      this.more.hidden = !a.next;
      setText(this.more, this.body.children.length ? words.older : words.lookOn);
      this.empty.hidden = this.body.children.length > 0 || a.next > 0;
      this.wrong.hidden = true;
    } catch (error) {
      if (host !== this.host) return;
      this.wrong.hidden = false;
      setText(this.wrong, words.trouble(error.message));
    }
  }

  row(r) {
    const by = words.by[r.trigger] ?? r.trigger, at = Date.parse(r.time);
    return el("tr", {}, el("td", {}, el("time", { dateTime: r.time, title: utcText(at) }, timeText(at))),
      el("td", {}, el("span", { className: "mono" }, r.process || "–"), el("small", {}, by)),
      el("td", {}, el("span", { className: "mark outcome " + outcomeClass(r.outcome) }, r.outcome), r.application ? el("small", {}, statusText(r.application)) : null),
      el("td", { className: "words" }, r.text));
  }
}

// outcomeClass says how well an outcome is.
export function outcomeClass(outcome) {
  if (["LAUNCHED", "READY", "ENDED", "ALREADY", "SET"].includes(outcome)) return "well";
  return ["SKIPPED", "REFUSED"].includes(outcome) ? "not" : "wrong";
}
