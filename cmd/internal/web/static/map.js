// The map: a cell for each server, in the order of the definition, so that each keeps its place. Where there is room, cells have names.
import { byId, setText, soon } from "./dom.js";
import { kinds, maintenance, stopped } from "./fleet.js";
import { words, minuteText, statusText, timeText, utcText } from "./words.js";

const tile = { width: 116, height: 30, gap: 4 }; // with names, where they all fit
const striped = 26; // pixels of a cell with a name that have the stripes of maintenance
const largest = 24, smallest = 5; // pixels from cell to cell without names
const share = 0.4; // of the window's height, at most

// readableOn is the colour of letters on another, #rrggbb: black or white, whichever has the larger contrast.
function readableOn(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => (parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#0b1117" : "#ffffff";
}

export class FleetMap {
  constructor(fleet, open) {
    this.fleet = fleet;
    this.open = open;
    this.canvas = byId("cells");
    this.box = byId("map-scroll");
    this.pen = this.canvas.getContext("2d", { alpha: false });
    this.at = -1; // the cell that is pointed at, or where the keys are
    this.kept = 0; // where the keys were
    this.redraw = soon(() => this.draw());
    new ResizeObserver(this.redraw).observe(this.box);
    addEventListener("resize", this.redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.redraw);
    this.canvas.addEventListener("pointermove", (e) => this.point(this.placeAt(e)));
    this.canvas.addEventListener("pointerleave", () => this.point(-1));
    this.canvas.addEventListener("click", (e) => this.choose(this.placeAt(e)));
    this.canvas.addEventListener("keydown", (e) => this.key(e));
    this.canvas.addEventListener("focus", () => this.point(this.at < 0 ? this.kept : this.at));
    this.canvas.addEventListener("blur", () => {
      this.kept = Math.max(0, this.at);
      this.point(-1);
    });
  }

  // layout finds the size of cells with which all fit, or the smallest.
  layout() {
    const n = this.fleet.size, width = Math.max(this.box.clientWidth, 60), room = Math.max(innerHeight * share, 120);
    const across = Math.max(1, Math.floor((width + tile.gap) / (tile.width + tile.gap)));
    if (Math.ceil(n / across) * (tile.height + tile.gap) <= room) {
      const w = Math.min(220, Math.floor((width + tile.gap) / Math.min(across, Math.max(n, 1))) - tile.gap);
      return { columns: across, dx: w + tile.gap, dy: tile.height + tile.gap, w, h: tile.height, names: true };
    }
    let size = largest;
    while (size > smallest && Math.ceil(n / Math.floor(width / size)) * size > room) size--;
    const gap = size > 8 ? 2 : 1;
    return { columns: Math.floor(width / size), dx: size, dy: size, w: size - gap, h: size - gap, names: false };
  }

  colours() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    this.colour = { back: of("--panel"), mark: of("--text"), kinds: kinds.map((k) => of("--" + k)) };
    this.colour.on = this.colour.kinds.map(readableOn);
  }

  draw() {
    this.colours();
    const l = (this.grid = this.layout()), n = this.fleet.size;
    const rows = Math.ceil(n / l.columns), scale = devicePixelRatio || 1;
    const width = l.columns * l.dx, height = Math.max(1, rows * l.dy);
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    this.canvas.style.width = width + "px";
    this.canvas.style.height = height + "px";
    this.canvas.dataset.columns = l.columns;
    this.canvas.dataset.dx = l.dx;
    this.canvas.dataset.dy = l.dy;
    this.pen.setTransform(scale, 0, 0, scale, 0, 0);
    this.pen.fillStyle = this.colour.back;
    this.pen.fillRect(0, 0, width, height);
    this.pen.font = "12px ui-monospace, monospace";
    this.pen.textBaseline = "middle";
    this.stripes = this.colour.kinds.map((colour) => this.striped(colour, l.w < 7 ? l.dx : 6));
    const matches = this.fleet.matcher();
    this.filtered = this.fleet.only.size > 0 || this.fleet.text !== "";
    this.matches = matches;
    for (let i = 0; i < n; i++) this.cell(i);
    this.describe();
  }

  // changed draws some cells again.
  changed(changes) {
    if (!this.grid || changes.length > 2000) return this.redraw();
    for (const c of changes) this.cell(c.place);
    this.describe();
    return undefined;
  }

  cell(i) {
    const l = this.grid, x = (i % l.columns) * l.dx, y = Math.floor(i / l.columns) * l.dy, pen = this.pen;
    const kind = this.fleet.kind[i], dim = this.filtered && !this.fleet.isShown(i, this.matches);
    pen.fillStyle = this.colour.back;
    pen.fillRect(x, y, l.dx, l.dy);
    pen.globalAlpha = dim ? 0.18 : 1;
    pen.fillStyle = this.colour.kinds[kind];
    const down = kind === stopped, small = l.w < 7;
    pen.fillRect(x, y, down && small ? l.dx : l.w, down && small ? l.dy : l.h); // among thousands it is to be found
    if (kind === maintenance) this.stripe(i, x, y, l);
    if (down && small) this.dot(x, y, l);
    else if (down) this.cross(x, y, l);
    if (l.names) this.name(i, x, y, l);
    pen.globalAlpha = 1;
    if (i === this.at) {
      pen.strokeStyle = this.colour.mark;
      pen.lineWidth = l.w >= 8 ? 2 : 1;
      pen.strokeRect(x + 0.5, y + 0.5, l.w - 1, l.h - 1);
    }
  }

  // dot is the cross of a cell that is too small for one.
  dot(x, y, l) {
    this.pen.fillStyle = this.colour.on[0];
    this.pen.fillRect(x + Math.floor(l.dx / 2) - 1, y + Math.floor(l.dy / 2) - 1, 2, 2);
  }

  // cross marks a STOPPED server for those who do not see the colour.
  cross(x, y, l) {
    const pen = this.pen, size = l.names ? 9 : l.w - 4, left = l.names ? x + l.w - size - 10 : x + 2, top = y + (l.h - size) / 2;
    pen.strokeStyle = this.colour.on[0];
    pen.lineWidth = l.w >= 12 ? 2 : 1;
    pen.beginPath();
    pen.moveTo(left, top);
    pen.lineTo(left + size, top + size);
    pen.moveTo(left + size, top);
    pen.lineTo(left, top + size);
    pen.stroke();
  }

  // stripe marks a server in maintenance with stripes, in the colour that it would have without.
  stripe(i, x, y, l) {
    const width = l.names ? striped : l.w;
    this.pen.fillStyle = this.stripes[this.fleet.condition[i]];
    this.pen.fillRect(x + l.w - width, y, width, l.h);
  }

  // striped is a pattern that repeats after so many pixels.
  striped(colour, period) {
    const of = document.createElement("canvas"), pen = of.getContext("2d");
    of.width = of.height = period * 4; // it is drawn larger than it is needed, so that it is sharp on any screen
    pen.strokeStyle = colour;
    pen.lineWidth = period * 4 * 0.35;
    pen.beginPath();
    for (const at of [-1, 0, 1]) {
      pen.moveTo((at - 0.25) * of.width, 1.25 * of.width);
      pen.lineTo((at + 1.25) * of.width, -0.25 * of.width);
    }
    pen.stroke();
    const pattern = this.pen.createPattern(of, "repeat");
    pattern.setTransform(new DOMMatrix().scale(1 / 4));
    return pattern;
  }

  name(i, x, y, l) {
    const pen = this.pen, marked = this.fleet.kind[i] === stopped || this.fleet.kind[i] === maintenance, room = l.w - (marked ? striped + 8 : 16);
    let text = this.fleet.hosts[i];
    while (text.length > 1 && pen.measureText(text).width > room) text = text.slice(0, -2) + "…";
    pen.fillStyle = this.colour.on[this.fleet.kind[i]];
    pen.fillText(text, x + 8, y + l.h / 2 + 1);
  }

  placeAt(e) {
    if (!this.grid) return -1;
    const column = Math.floor(e.offsetX / this.grid.dx), row = Math.floor(e.offsetY / this.grid.dy);
    const place = row * this.grid.columns + column;
    return column < this.grid.columns && place < this.fleet.size ? place : -1;
  }

  point(place) {
    if (place === this.at || !this.grid || place >= this.fleet.size) return;
    const before = this.at;
    this.at = place;
    if (before >= 0 && before < this.fleet.size) this.cell(before);
    if (place >= 0) this.cell(place);
    this.describe();
  }

  choose(place) {
    if (place >= 0) this.open(this.fleet.hosts[place], this.canvas);
  }

  key(e) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.grid.columns, ArrowDown: this.grid.columns }[e.key];
    if (e.key === "Enter") this.choose(this.at);
    else if (e.key === "Home") this.point(0);
    else if (e.key === "End") this.point(this.fleet.size - 1);
    else if (step !== undefined) this.point(Math.max(0, Math.min(this.fleet.size - 1, this.at + step)));
    else return;
    e.preventDefault();
    const y = Math.floor(this.at / this.grid.columns) * this.grid.dy;
    if (y < this.box.scrollTop || y + this.grid.dy > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = y - 40;
  }

  // describe says in words what is pointed at; a screen reader reads it as the name of the map.
  describe() {
    const f = this.fleet, i = this.at;
    const label = words.mapLabel(f.size, f.counts[stopped], f.counts[maintenance]);
    let text = words.mapHelp, title = "";
    if (i >= 0 && i < f.size) {
      text = words.cell(f.hosts[i], statusText(f.running[i] ? "RUNNING" : "STOPPED"), statusText(f.application[i]), timeText(f.since[i] * 1000));
      title = utcText(f.since[i] * 1000);
      if (f.until.has(i)) text += words.cellMaintenance(minuteText(f.until.get(i) * 1000));
    }
    setText(byId("map-text"), text);
    byId("map-text").title = title;
    this.canvas.setAttribute("aria-roledescription", words.mapRole);
    this.canvas.setAttribute("aria-label", document.activeElement === this.canvas && i >= 0 ? text : label);
  }
}
