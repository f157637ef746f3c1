// The rows of an order, failures first, and how many there are of each outcome.
import { el, setText, soon } from "./dom.js";
import { outcomeClass } from "./detail.js";
import { Rows } from "./rows.js";
import { words, statusText } from "./words.js";

const rank = { wrong: 0, not: 1, well: 2, already: 3 };
const rankOf = (outcome) => rank[outcome === "ALREADY" ? "already" : outcomeClass(outcome)];

export class Verdicts {
  constructor(box) {
    this.rows = [];
    this.counts = {};
    this.totals = el("p", { className: "totals" });
    const list = el("div");
    box.append(this.totals, list);
    const heads = words.verdictColumns.map((c, i) => el("div", { role: "columnheader", className: "v-" + i }, c));
    this.list = new Rows(list, { label: words.servers, columns: heads, height: 28, keyOf: (i) => this.rows[i],
      make: () => [0, 1, 2, 3].map((i) => el("div", { role: "gridcell", className: "v-" + i }, i === 1 ? el("span", { className: "mark" }) : "")),
      fill: (cells, r) => this.fill(cells, r) });
    this.redraw = soon(() => this.draw());
  }

  end() { this.list.end(); }

  add(rows) {
    for (const r of rows) this.counts[r.outcome] = (this.counts[r.outcome] ?? 0) + 1;
    for (const r of rows) this.rows.push(r);
    this.redraw();
  }

  fill([host, outcome, application, text], r) {
    if (!r) return;
    setText(host, r.host);
    outcome.firstChild.className = "mark outcome " + outcomeClass(r.outcome);
    setText(outcome.firstChild, r.outcome);
    setText(application, statusText(r.application));
    setText(text, r.text);
    text.title = r.text;
  }

  draw() {
    this.rows.sort((a, b) => rankOf(a.outcome) - rankOf(b.outcome) || (a.outcome < b.outcome ? -1 : a.outcome > b.outcome ? 1 : 0));
    const outcomes = Object.keys(this.counts).sort((a, b) => rankOf(a) - rankOf(b));
    this.totals.replaceChildren(...outcomes.map((o) => el("span", { className: "mark outcome " + outcomeClass(o) }, `${this.counts[o].toLocaleString(words.code)} ${o}`)));
    this.list.show(this.rows.length);
  }
}
