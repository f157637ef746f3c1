// The table of servers: what the map shows, in words.
import { byId, el, setText, soon } from "./dom.js";
import { kinds } from "./fleet.js";
import { Rows } from "./rows.js";
import { words, minuteText, statusText, timeText, ageText, utcText } from "./words.js";

const sorts = { host: "host", operating: "trouble", application: "application", since: "since", last: "last" };

// operatingClass is the mark of an operating status: STOPPED in maintenance is no trouble.
export function operatingClass(fleet, i) {
  if (fleet.running[i]) return "running";
  return fleet.until.has(i) ? "unknown" : "stopped";
}

export class Table {
  constructor(fleet, open) {
    this.fleet = fleet;
    this.open = open;
    this.chosen = new Set(); // hosts
    this.fresh = new Map(); // host → when it changed
    this.redraw = soon(() => this.draw());
    byId("search").addEventListener("input", (e) => {
      fleet.text = e.target.value;
      this.viewed();
    });
    byId("search").addEventListener("keydown", (e) => {
      if (e.key !== "ArrowDown" || this.rows.count === 0) return;
      e.preventDefault();
      this.rows.move(0);
    });
    byId("unchoose").addEventListener("click", () => {
      this.chosen.clear();
      this.redraw();
      byId("search").focus();
    });
    this.viewed = () => this.redraw();
    this.build();
  }

  // build makes the table in the words that stand.
  build() {
    this.rows?.end();
    const heads = ["choose", "host", "operating", "application", "since", "last"].map((name) => this.heading(name));
    this.rows = new Rows(byId("table"), {
      label: words.servers, columns: heads, height: 30,
      make: () => this.make(), fill: (cells, host, i, row) => this.fill(cells, host, row), keyOf: (i) => this.fleet.hosts[this.fleet.view[i]],
      act: (host, row) => this.open(host, row), mark: (host) => this.choose(host),
    });
    byId("search").placeholder = words.search;
    byId("search").setAttribute("aria-label", words.search);
  }

  heading(name) {
    const text = words.columns[name];
    if (name === "choose") return el("div", { role: "columnheader", className: "c-choose", "aria-label": text });
    const button = el("button", { type: "button", onclick: () => this.sort(sorts[name]) }, text, el("span", { className: "arrow", "aria-hidden": "true" }));
    if (name === "operating") button.title = words.sortTrouble;
    const head = el("div", { role: "columnheader", className: "c-" + name }, button);
    head.dataset.sort = sorts[name];
    return head;
  }

  sort(order) {
    this.fleet.down = this.fleet.order === order ? !this.fleet.down : true;
    this.fleet.order = order;
    this.redraw();
  }

  make() {
    const box = el("input", { type: "checkbox", tabIndex: -1 });
    box.addEventListener("click", (e) => {
      e.stopPropagation();
      this.choose(box.dataset.host);
    });
    const cell = (name, ...inside) => el("div", { role: "gridcell", className: "c-" + name }, ...inside);
    return [cell("choose", box), cell("host"), cell("operating", el("span", { className: "mark" })), cell("application", el("span", { className: "mark" })),
      cell("since"), cell("last", el("span", { className: "mark maintenance" }), el("span"))];
  }

  fill([choose, host, operating, application, since, last], name, row) {
    const f = this.fleet, i = f.places.get(name);
    if (i === undefined) return;
    const box = choose.firstChild, can = f.state?.can_order ?? false;
    box.hidden = !can;
    box.checked = this.chosen.has(name);
    box.dataset.host = name;
    box.setAttribute("aria-label", `${words.columns.choose} ${name}`);
    row.setAttribute("aria-selected", String(box.checked));
    setText(host, name);
    const kind = kinds[f.condition[i]], result = f.results.get(i), until = f.until.get(i);
    operating.firstChild.className = "mark " + operatingClass(f, i);
    setText(operating.firstChild, statusText(f.running[i] ? "RUNNING" : "STOPPED"));
    application.firstChild.className = "mark " + (f.running[i] ? kind : "unknown");
    setText(application.firstChild, statusText(f.application[i]));
    setText(since, `${timeText(f.since[i] * 1000)} · ${ageText(f.now / 1000 - f.since[i])}`);
    since.title = utcText(f.since[i] * 1000);
    const [end, outcome] = last.children;
    end.hidden = until === undefined;
    setText(end, until === undefined ? "" : words.maintenanceUntil(minuteText(until * 1000)));
    setText(outcome, result ? `${result.process ? result.process + " " : ""}${result.outcome} · ${timeText(result.time * 1000)}` : "");
    end.title = until === undefined ? "" : utcText(until * 1000);
    outcome.title = result ? utcText(result.time * 1000) : "";
    row.classList.toggle("is-stopped", !f.running[i] && until === undefined);
    row.classList.toggle("in-maintenance", until !== undefined);
    row.classList.toggle("fresh", Date.now() - (this.fresh.get(name) ?? 0) < 4000);
  }

  choose(host) {
    if (!this.fleet.state?.can_order) return;
    if (!this.chosen.delete(host)) this.chosen.add(host);
    this.redraw();
  }

  // changed has some rows stand out for a moment.
  changed(changes) {
    const now = Date.now();
    for (const [host, at] of this.fresh) if (now - at > 4000) this.fresh.delete(host);
    for (const c of changes.slice(0, 1000)) this.fresh.set(this.fleet.hosts[c.place], now);
    this.redraw();
  }

  draw() {
    const f = this.fleet;
    f.look();
    for (const host of this.chosen) if (!f.places.has(host)) this.chosen.delete(host);
    for (const head of this.rows.head.children) {
      const here = head.dataset.sort === f.order;
      if (!head.dataset.sort) continue;
      head.setAttribute("aria-sort", here ? (f.ascending ? "ascending" : "descending") : "none");
      head.querySelector(".arrow").textContent = here ? (f.ascending ? " ▴" : " ▾") : "";
    }
    this.rows.grid.classList.toggle("can-order", f.state?.can_order ?? false);
    this.rows.show(f.view.length, (host) => f.view.indexOf(f.places.get(host) ?? -1));
    setText(byId("shown"), f.size === 0 ? words.empty : f.view.length === 0 ? words.none : words.shown(f.view.length, f.size));
    byId("chosen").hidden = this.chosen.size === 0;
    setText(byId("chosen-text"), words.chosen(this.chosen.size));
  }
}
