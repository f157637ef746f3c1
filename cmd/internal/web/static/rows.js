// A list of very many rows, of which only those that are seen stand in the document. It is an ARIA grid that says how many there are
// and which each one is; the focus is on one row, and the keys move it.
import { el } from "./dom.js";

const beyond = 6; // rows above and below those that are seen

export class Rows {
  // make makes the cells of a row, fill(cells, key, index) writes them, keyOf(index) is what stays the same of a row that moves.
  constructor(box, { label, columns, height, make, fill, keyOf, act, mark }) {
    Object.assign(this, { make, fill, keyOf, act, mark, height });
    this.count = 0;
    this.focused = 0; // index
    this.focusKey = undefined;
    this.pool = []; // {row, cells, index}
    this.head = el("div", { role: "row", className: "row head", "aria-rowindex": "1" }, ...columns);
    this.space = el("div", { className: "space", role: "rowgroup" });
    this.body = el("div", { className: "body", role: "presentation" }, this.space);
    this.grid = el("div", { className: "grid", role: "grid", "aria-label": label, "aria-readonly": "true", "aria-colcount": String(columns.length) },
      el("div", { role: "rowgroup", className: "heads" }, this.head), this.body);
    box.replaceChildren(this.grid);
    this.body.addEventListener("scroll", () => this.draw(), { passive: true });
    this.space.addEventListener("keydown", (e) => this.key(e));
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.body);
  }

  // end gives back what the list watches.
  end() { this.watch.disconnect(); }

  // show has that many rows stand; the row that had the focus keeps it where it moves.
  show(count, indexOf) {
    this.count = count;
    if (this.focusKey !== undefined && indexOf) {
      const moved = indexOf(this.focusKey);
      if (moved >= 0) this.focused = moved;
    }
    this.focused = Math.max(0, Math.min(this.focused, count - 1));
    this.grid.setAttribute("aria-rowcount", String(count + 1));
    this.space.style.height = count * this.height + "px";
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.body.scrollTop / this.height) - beyond);
    const last = Math.min(this.count, Math.ceil((this.body.scrollTop + this.body.clientHeight) / this.height) + beyond);
    const hadFocus = this.space.contains(document.activeElement);
    const wanted = new Set();
    for (let i = first; i < last; i++) wanted.add(i);
    if (this.count > 0) wanted.add(this.focused); // so that the focus is not lost when it is scrolled away
    const spare = [], kept = new Map();
    for (const p of this.pool) (wanted.has(p.index) && !kept.has(p.index) ? kept.set(p.index, p) : spare.push(p));
    for (const i of wanted) this.place(kept.get(i) ?? spare.pop() ?? this.more(), i);
    for (const p of spare) p.row.remove();
    this.pool = this.pool.filter((p) => !spare.includes(p));
    if (hadFocus) this.focusedRow()?.focus({ preventScroll: true });
  }

  more() {
    const cells = this.make();
    const p = { cells, index: -1, row: el("div", { role: "row", className: "row" }, ...cells) };
    p.row.addEventListener("click", (e) => {
      this.move(p.index, !e.target.closest("input"));
      if (!e.target.closest("input")) this.act?.(this.keyOf(p.index), p.row);
    });
    this.pool.push(p);
    return p;
  }

  place(p, index) {
    p.index = index;
    if (!p.row.isConnected) this.space.append(p.row);
    p.row.style.transform = `translateY(${index * this.height}px)`;
    p.row.setAttribute("aria-rowindex", String(index + 2));
    p.row.tabIndex = index === this.focused ? 0 : -1;
    this.fill(p.cells, this.keyOf(index), index, p.row);
  }

  focusedRow() { return this.pool.find((p) => p.index === this.focused)?.row; }

  // move puts the focus on a row.
  move(index, focus = true) {
    this.focused = Math.max(0, Math.min(index, this.count - 1));
    this.focusKey = this.keyOf(this.focused);
    const top = this.focused * this.height, bottom = top + this.height, body = this.body;
    if (top < body.scrollTop) body.scrollTop = top;
    else if (bottom > body.scrollTop + body.clientHeight) body.scrollTop = bottom - body.clientHeight;
    this.draw();
    if (focus) this.focusedRow()?.focus({ preventScroll: true });
  }

  key(e) {
    const page = Math.max(1, Math.floor(this.body.clientHeight / this.height) - 1);
    const to = { ArrowUp: this.focused - 1, ArrowDown: this.focused + 1, PageUp: this.focused - page, PageDown: this.focused + page,
      Home: 0, End: this.count - 1 }[e.key];
    if (to !== undefined) this.move(to);
    else if (e.key === "Enter" && this.act) this.act(this.keyOf(this.focused), this.focusedRow());
    else if (e.key === " " && this.mark) this.mark(this.keyOf(this.focused), e.shiftKey);
    else return;
    e.preventDefault();
  }
}
