// The stream of events. It is opened as soon as this file is there, before the rest of the page is. It begins again by itself, from where
// it was; the watch says when it is too long since anything came.

const staleAfter = 10000; // milliseconds: three beats, and a little
const againAfter = 2000; // where the browser does not try again by itself
const pauseAfter = 60000; // a page that nobody sees gives its connection back: a browser has only six for one server

let on = null; // who follows; null: nobody yet
const early = []; // what came before anybody did

let source = null;
let last = Date.now();
let link = "";
let id = ""; // of the last event: where this page stands
let again = 0;
let pause = 0;

// follow calls to.snapshot, to.delta, and to.link with "live", "lost" or "paused" and the time at which something last came.
export function follow(to) {
  on = to;
  for (const [name, ...values] of early.splice(0)) on[name](...values);
}

function tell(name, ...values) {
  if (on) on[name](...values);
  else early.push([name, ...values]);
}

function say(now) {
  if (now !== link) tell("link", (link = now), last);
}

function heard(e) {
  last = Date.now();
  id = e.lastEventId || id;
  say("live");
}

function open() {
  clearTimeout(again);
  source?.close();
  source = new EventSource("/events" + (id && `?after=${encodeURIComponent(id)}`));
  for (const name of ["snapshot", "delta"]) {
    source.addEventListener(name, (e) => {
      heard(e);
      tell(name, JSON.parse(e.data));
    });
  }
  source.addEventListener("beat", heard);
  source.onerror = () => {
    say("lost");
    if (source?.readyState === EventSource.CLOSED) again = setTimeout(open, againAfter);
  };
}

function close() {
  clearTimeout(again);
  source?.close();
  source = null;
  say("paused");
}

setInterval(() => {
  if (!source || Date.now() - last <= staleAfter) return;
  say("lost");
  last = Date.now() - staleAfter + againAfter; // and once more after a while
  open();
}, 1000);
document.addEventListener("visibilitychange", () => {
  clearTimeout(pause);
  if (document.hidden) pause = setTimeout(close, pauseAfter);
  else if (!source) open();
});
addEventListener("pagehide", close); // a browser keeps a page that was left, with its connection, for whoever goes back
addEventListener("pageshow", () => {
  if (!source) open();
});
open();
