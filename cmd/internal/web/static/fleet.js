// What is known of the fleet, as the stream tells it, and the view of it: filtered and sorted. Servers go by their place.
import { parse } from "./pattern.js";

// The kinds of servers, the worst first: each has its colour, and its place in the order of trouble. One in maintenance is of no other kind,
// whatever its statuses are: it is down on purpose, or may be.
export const kinds = ["stopped", "failed", "maintenance", "other", "not-started", "batch", "online"];
export const [stopped, failed, maintenance, other, notStarted, batch, online] = kinds.keys();

// failedEnd ends an application status that means trouble: *-FAILED, as the commands take it where nothing else is said.
const failedEnd = "-FAILED";

// kindOf is the kind by the statuses alone.
function kindOf(running, application) {
  if (!running) return stopped;
  switch (application) {
    case "ONLINE": return online;
    case "BATCH": return batch;
    case "NOT-STARTED": return notStarted;
  }
  return application.endsWith(failedEnd) ? failed : other;
}

// statusOf is the status that a kind stands for; "" where there are several.
export const statusOf = (kind) => ["STOPPED", "", "", "", "NOT-STARTED", "BATCH", "ONLINE"][kind];

export class Fleet {
  hosts = [];
  running = new Uint8Array(0);
  kind = new Uint8Array(0);
  condition = new Uint8Array(0); // the kind that the server is, or would be without maintenance
  application = [];
  since = new Float64Array(0); // Unix seconds
  results = new Map(); // place → {process, outcome, time}
  until = new Map(); // place → the end of maintenance, Unix seconds
  places = new Map(); // host → place
  counts = new Uint32Array(kinds.length);
  state = null;
  processes = [];
  clock = 0; // milliseconds that the manager's clock is ahead of this one

  text = ""; // of the search
  only = new Set(); // kinds; none: all
  order = "trouble";
  down = true; // the direction of order
  view = new Int32Array(0); // places

  // ascending says whether what is first is the least: names begin with A, while trouble, and what is new, comes first.
  get ascending() { return this.down === (this.order === "host" || this.order === "application"); }
  get size() { return this.hosts.length; }
  get now() { return Date.now() + this.clock; }

  // take takes a snapshot.
  take(s) {
    const n = s.hosts.length;
    this.hosts = s.hosts;
    this.places = new Map(s.hosts.map((h, i) => [h, i]));
    this.running = Uint8Array.from({ length: n }, (_, i) => s.running.charCodeAt(i) - 48);
    this.application = s.status.map((w) => s.words[w]);
    this.since = Float64Array.from(s.since);
    this.condition = Uint8Array.from({ length: n }, (_, i) => kindOf(this.running[i], this.application[i]));
    this.until = new Map(s.maintenance);
    this.kind = Uint8Array.from(this.condition, (k, i) => (this.until.has(i) ? maintenance : k));
    this.counts.fill(0);
    for (const k of this.kind) this.counts[k]++;
    this.results = new Map();
    this.takeResults(s.results);
    this.state = s.state;
    this.processes = s.processes;
    this.clock = s.now - Date.now();
  }

  takeResults(results) {
    for (const [place, process, outcome, time] of results) this.results.set(place, { process, outcome, time });
  }

  // change takes a delta, and gives what has changed: the places, and what each was before.
  change(d) {
    this.clock = d.now - Date.now();
    const before = new Map();
    for (const [i, until] of d.maintenance ?? []) {
      if (!before.has(i)) before.set(i, this.stands(i));
      if (until) this.until.set(i, until);
      else this.until.delete(i);
      this.sort(i);
    }
    for (const [i, running, application, since] of d.changes ?? []) {
      if (!before.has(i)) before.set(i, this.stands(i));
      this.running[i] = running ? 1 : 0;
      this.application[i] = application;
      this.since[i] = since;
      this.condition[i] = kindOf(running, application);
      this.sort(i);
    }
    this.takeResults(d.results ?? []);
    if (d.state) this.state = d.state;
    if (d.processes) this.processes = d.processes;
    return Array.from(before, ([place, was]) => ({ place, before: was }));
  }

  // stands is what there is to know of a server.
  stands(i) { return { running: this.running[i] === 1, application: this.application[i], until: this.until.get(i) }; }

  // sort has a server be of the kind that it is now.
  sort(i) {
    this.counts[this.kind[i]]--;
    this.kind[i] = this.until.has(i) ? maintenance : this.condition[i];
    this.counts[this.kind[i]]++;
  }

  // matcher gives what says whether the search finds a host: by all its words, each part of the name, or a pattern of the whole of it. A
  // pattern that is not finished, or is none, finds nothing.
  matcher() {
    const terms = this.text.toLowerCase().split(/\s+/).filter(Boolean).map((t) => (/[*?[\]]/.test(t) ? parse(t) ?? (() => false) : (host) => host.includes(t)));
    return (host) => terms.every((t) => t(host.toLowerCase()));
  }

  isShown(place, matches) {
    return (this.only.size === 0 || this.only.has(this.kind[place])) && matches(this.hosts[place]);
  }

  // look makes the view again.
  look() {
    const matches = this.matcher();
    const view = [];
    for (let i = 0; i < this.size; i++) if (this.isShown(i, matches)) view.push(i);
    const compare = this.comparison();
    if (compare) view.sort(compare);
    this.view = Int32Array.from(view);
  }

  comparison() {
    const { kind, since, hosts, application, results } = this;
    const sign = this.down ? 1 : -1;
    const byText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    switch (this.order) {
      case "host": return (a, b) => sign * byText(hosts[a], hosts[b]);
      case "application": return (a, b) => sign * byText(application[a], application[b]) || a - b;
      case "since": return (a, b) => sign * (since[b] - since[a]) || a - b;
      case "last": return (a, b) => sign * ((results.get(b)?.time ?? 0) - (results.get(a)?.time ?? 0)) || a - b;
    }
    return (a, b) => sign * (kind[a] - kind[b]) || since[b] - since[a] || a - b;
  }
}
