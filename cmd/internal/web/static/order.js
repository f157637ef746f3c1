// An order: process and servers, the verdict of the dry run, and, once it is confirmed, a row for each server as it comes.
import { byId, el, setText } from "./dom.js";
import { Verdicts } from "./verdicts.js";
import { statusText, words } from "./words.js";

const tokenKey = "renraku-token";

const token = {
  get: () => { try { return sessionStorage.getItem(tokenKey) ?? ""; } catch { return ""; } },
  set: (t) => { try { sessionStorage.setItem(tokenKey, t); } catch { /* it is asked for again */ } },
  forget: () => { try { sessionStorage.removeItem(tokenKey); } catch { /* nothing is kept */ } },
};

export class OrderDialog {
  constructor(fleet, chosen) {
    this.fleet = fleet;
    this.chosen = chosen; // () → hosts
    this.box = byId("dialog");
    this.box.addEventListener("close", () => {
      this.aborted?.abort();
      this.verdicts?.end();
      this.box.replaceChildren();
    });
    this.process = "";
    this.pattern = "";
    this.given = "";
  }

  // show asks for the process, on some hosts where they are given.
  show(hosts) {
    this.hosts = hosts;
    this.target = "";
    if (!this.box.open) this.box.showModal(); // before the focus is set
    this.ask();
  }

  frame(title, ...inside) {
    this.verdicts?.end();
    this.verdicts = null;
    this.heading = el("h2", { id: "dialog-title", tabIndex: -1 }, title);
    this.box.replaceChildren(el("div", { className: "title" }, this.heading, el("span", { className: "gap" }),
      el("button", { type: "button", className: "close", "aria-label": words.close, title: words.close, onclick: () => this.box.close() }, "✕")), ...inside);
  }

  // ask is the first step.
  ask(wrong) {
    const processes = this.fleet.processes;
    if (!processes.some((p) => p.id === this.process)) this.process = processes[0]?.id ?? "";
    const error = el("p", { className: "banner bad", role: "alert", hidden: !wrong }, wrong ?? "");
    const check = el("button", { type: "submit", className: "primary", disabled: !this.process }, words.check);
    const form = el("form", { onsubmit: (e) => { e.preventDefault(); this.check(check, error); } },
      this.choices(words.process, "process", processes.map((p) => [p.id, el("span", {}, el("b", { className: "mono" }, p.id), " ",
        el("span", { className: "quiet" }, words.fromTo(p.from.map(statusText), statusText(p.status))))]), this.process, (id) => { this.process = id; }),
      processes.length ? null : el("p", { className: "quiet" }, words.noProcesses),
      this.targets(), this.tokenField(),
      error, el("p", { className: "quiet" }, words.checkHint),
      el("div", { className: "actions" }, el("button", { type: "button", onclick: () => this.box.close() }, words.close), check));
    this.frame(words.orderTitle, form);
    (form.querySelector(wrong ? "input[type=password]" : "input:checked") ?? form.querySelector("input"))?.focus();
  }

  choices(legend, name, options, value, on) {
    return el("fieldset", {}, el("legend", {}, legend), ...options.map(([id, label]) => el("label", {},
      el("input", { type: "radio", name, value: id, checked: id === value, onchange: () => on(id) }), " ", label)));
  }

  // targets offers only what there is.
  targets() {
    const chosen = [...this.chosen()], shown = this.fleet.view.length, all = this.fleet.size, options = [];
    if (this.hosts) options.push(["these", el("span", { className: "mono" }, this.hosts.join(", "))]);
    if (chosen.length) options.push(["chosen", words.targetChosen(chosen.length)]);
    if (shown && shown < all) options.push(["shown", words.targetShown(shown)]);
    options.push(["all", words.targetAll(all)]);
    const input = el("input", { type: "text", className: "mono", value: this.pattern, placeholder: words.patternHint, spellcheck: false, autocomplete: "off",
      "aria-label": words.targetPattern, oninput: () => { this.pattern = input.value; }, onfocus: () => { radio.checked = true; this.target = "pattern"; } });
    options.push(["pattern", el("span", { className: "with-input" }, words.targetPattern, " ", input)]);
    if (!options.some(([id]) => id === this.target)) this.target = options[0][0] === "all" ? "pattern" : options[0][0]; // all is never the first choice
    const set = this.choices(words.targets, "target", options, this.target, (id) => { this.target = id; });
    const radio = set.querySelector("input[value=pattern]");
    return set;
  }

  tokenField() {
    if (token.get()) {
      return el("p", { className: "quiet" }, el("button", { type: "button", className: "text", onclick: () => { token.forget(); this.ask(); } }, words.forget));
    }
    this.secret = el("input", { type: "password", autocomplete: "off", required: true, value: this.given, oninput: () => { this.given = this.secret.value; } });
    return el("fieldset", {}, el("label", { className: "token" }, el("span", {}, words.token), " ", this.secret), el("p", { className: "quiet" }, words.tokenHint));
  }

  // meant is the order without the process: the servers.
  meant() {
    switch (this.target) {
      case "these": return { hosts: this.hosts };
      case "chosen": return { hosts: [...this.chosen()] };
      case "shown": return { hosts: Array.from(this.fleet.view, (i) => this.fleet.hosts[i]) };
      case "all": return { all: true };
    }
    return { hosts: this.pattern.split(/[\s,、]+/).filter(Boolean) };
  }

  // check has the dry run give its verdict. What may be chosen while it comes is of another one.
  async check(button, error) {
    const process = this.process;
    const given = this.given.trim();
    if (given) token.set(given);
    this.given = "";
    button.disabled = true;
    setText(button, words.checking);
    const rows = [];
    try {
      await this.send({ process, ...this.meant(), dry_run: true }, () => {}, (r) => rows.push(...r));
    } catch (e) {
      if (e.status === 401 || e.status === 429) {
        token.forget();
        this.ask(words.notDone(e.message));
        return;
      }
      button.disabled = false;
      setText(button, words.check);
      error.hidden = false;
      setText(error, words.notDone(e.message));
      return;
    }
    this.confirm(process, rows);
  }

  // confirm is the second step. What is ordered is what stands here, by name, whatever the fleet is by then: "all" would be others.
  confirm(process, rows) {
    const ready = rows.filter((r) => r.outcome === "READY").map((r) => r.host);
    const list = el("div", { className: "verdicts" });
    this.frame(words.verdict(process, rows.length), list,
      el("p", { className: ready.length ? "quiet" : "banner warn" }, ready.length ? words.verdictHint : words.nothingReady),
      el("div", { className: "actions" }, el("button", { type: "button", onclick: () => this.ask() }, words.back),
        ready.length ? el("button", { type: "button", className: "danger", id: "confirm",
          onclick: () => this.carryOut(process, ready) }, words.confirm(process, ready.length)) : null));
    this.verdicts = new Verdicts(list);
    this.verdicts.add(rows);
    this.heading.focus();
  }

  // carryOut is the third step: the order, which goes on when the dialog is closed.
  async carryOut(process, hosts) {
    let expected = hosts.length;
    const bar = el("progress", { max: expected, value: 0, "aria-label": process });
    const list = el("div", { className: "verdicts" });
    const said = el("p", { className: "quiet", role: "status" }, words.goesOn);
    const close = el("button", { type: "button", className: "primary", onclick: () => this.box.close() }, words.close);
    this.frame(words.ordering(process, 0, expected), bar, list, said, el("div", { className: "actions" }, close));
    const verdicts = (this.verdicts = new Verdicts(list));
    this.heading.focus();
    let done = 0;
    try {
      await this.send({ process, hosts }, (head) => { bar.max = expected = head.hosts.length; }, (rows) => {
        done += rows.length;
        bar.value = done;
        setText(this.heading, words.ordering(process, done, expected));
        verdicts.add(rows);
      });
      setText(said, done === expected ? words.done : words.broken(expected - done));
    } catch (e) {
      said.className = "banner bad";
      setText(said, e.status ? words.notDone(e.message) : words.broken(expected - done));
    }
  }

  // send sends an order, and gives head and rows as they come, many at once. A line without anything says that the order goes on.
  async send(order, head, rows) {
    this.aborted?.abort();
    this.aborted = new AbortController();
    const answer = await fetch("/api/order", { method: "POST", credentials: "omit", cache: "no-store", signal: this.aborted.signal,
      headers: { "Content-Type": "application/json", Authorization: "Bearer " + encodeToken(token.get()) }, body: JSON.stringify(order) });
    if (!answer.ok) {
      const why = await answer.json().catch(() => ({ error: answer.statusText }));
      throw Object.assign(new Error(why.error), { status: answer.status });
    }
    const text = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "", begun = false;
    for (;;) {
      const { done, value } = await text.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      const all = lines.filter(Boolean).map((line) => JSON.parse(line));
      if (!begun && all.length) {
        begun = true;
        head(all.shift());
      }
      if (all.length) rows(all);
    }
  }
}

// encodeToken leaves out what no header can carry: such a token is wrong anyway.
const encodeToken = (t) => t.replace(/[^\x21-\x7e]/g, "");
