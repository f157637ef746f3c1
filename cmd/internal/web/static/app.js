// The page: it has the parts draw what the stream brings.
import { byId, setText } from "./dom.js";
import { Detail } from "./detail.js";
import { Fleet } from "./fleet.js";
import { FleetMap } from "./map.js";
import { OrderDialog } from "./order.js";
import { Side } from "./side.js";
import { follow } from "./stream.js";
import { Summary } from "./summary.js";
import { Table } from "./table.js";
import { switchLanguage, words, write, zoneName, zoneText } from "./words.js";

const agesEvery = 5000; // milliseconds after which the ages are written again

const fleet = new Fleet();
const open = (host, from) => detail.show(host, from);
const viewed = () => {
  table.redraw();
  map.redraw();
};
const table = new Table(fleet, open);
table.viewed = viewed;
const map = new FleetMap(fleet, open);
const summary = new Summary(fleet, viewed);
const side = new Side(fleet, open);
const dialog = new OrderDialog(fleet, () => table.chosen);
const detail = new Detail(fleet, (hosts) => dialog.show(hosts));

// zone says of which zone all times are.
function zone() {
  setText(byId("zone"), words.zone(zoneText(Date.now())));
  byId("zone").title = words.zoneTitle(zoneName());
}

// speak writes everything in the words that stand.
function speak() {
  write();
  setText(byId("language"), words.other);
  zone();
  byId("language").lang = words.code === "en" ? "ja" : "en";
  summary.build();
  table.build();
  side.shown = summary.shown = "";
  detail.build();
  all();
}

function all() {
  byId("order").hidden = !fleet.state?.can_order;
  document.body.classList.toggle("ended", fleet.state !== null && !fleet.state.monitoring);
  summary.draw();
  map.redraw();
  table.redraw();
  side.draw();
  detail.draw();
}

byId("order").addEventListener("click", () => dialog.show());
byId("language").addEventListener("click", () => {
  switchLanguage();
  speak();
});
document.addEventListener("keydown", (e) => {
  if (e.key === "/" && !e.ctrlKey && !e.metaKey && !e.altKey && !e.target.closest("input, dialog")) {
    e.preventDefault();
    byId("search").focus();
  }
});

let first = true;
speak();
follow({
  snapshot(s) {
    fleet.take(s);
    all();
    if (first) requestAnimationFrame(() => setTimeout(() => performance.mark("shown"))); // after the frame that shows it
    first = false;
  },
  delta(d) {
    const changes = fleet.change(d);
    byId("order").hidden = !fleet.state.can_order;
    document.body.classList.toggle("ended", !fleet.state.monitoring);
    summary.draw();
    map.changed(changes);
    table.changed(changes);
    side.changed(changes);
    side.drawProgress();
    detail.draw();
  },
  link: (link, last) => summary.connected(link, last),
});
setInterval(() => {
  zone(); // summer may have come
  table.redraw();
  detail.draw();
}, agesEvery);
