// The stream of events. It begins again by itself, from where it was; the watch says when it is too long since anything came.

const staleAfter = 10000; // milliseconds: three beats, and a little
const againAfter = 2000; // where the browser does not try again by itself
const pauseAfter = 60000; // a page that nobody sees gives its connection back: a browser has only six for one server

// follow calls on.snapshot, on.delta, and on.link with "live", "lost" or "paused" and the time at which something last came.
export function follow(on) {
  let source = null;
  let last = Date.now();
  let link = "";
  let id = ""; // of the last event: where this page stands
  let again = 0;
  let pause = 0;

  const say = (now) => {
    if (now !== link) on.link((link = now), last);
  };
  const heard = (e) => {
    last = Date.now();
    id = e.lastEventId || id;
    say("live");
  };
  const open = () => {
    clearTimeout(again);
    source?.close();
    source = new EventSource("/events" + (id && `?after=${encodeURIComponent(id)}`));
    source.addEventListener("snapshot", (e) => { heard(e); on.snapshot(JSON.parse(e.data)); });
    source.addEventListener("delta", (e) => { heard(e); on.delta(JSON.parse(e.data)); });
    source.addEventListener("beat", heard);
    source.onerror = () => {
      say("lost");
      if (source?.readyState === EventSource.CLOSED) again = setTimeout(open, againAfter);
    };
  };
  const close = () => {
    clearTimeout(again);
    source?.close();
    source = null;
    say("paused");
  };
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
  open();
}
