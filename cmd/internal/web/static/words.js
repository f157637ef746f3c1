// The language of the page: that of the browser, or the one that was chosen with the button.
import { english } from "./english.js";
import { japanese } from "./japanese.js";

const key = "renraku-language";

// words are those of the language that stands.
export let words = choose();

function choose() {
  const said = stored() ?? navigator.languages?.find((l) => /^(ja|en)\b/i.test(l)) ?? navigator.language ?? "en";
  return /^ja\b/i.test(said) ? japanese : english;
}

function stored() {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // the browser keeps nothing
  }
}

// switchLanguage has the other language stand.
export function switchLanguage() {
  words = words === english ? japanese : english;
  try {
    localStorage.setItem(key, words.code);
  } catch {
    // it is forgotten with the page
  }
}

// statusText is an operating or application status; one that has no word of its own stays as it is.
export const statusText = (status) => words.statuses[status] ?? status;

const two = (n) => String(n).padStart(2, "0");

// timeText is a time of the browser's zone, to the second; without the date where it is today.
export function timeText(ms, always) {
  const t = new Date(ms);
  const day = `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
  const time = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
  return always || t.toDateString() !== new Date().toDateString() ? `${day} ${time}` : time;
}

// minuteText is a time as timeText has it, to the minute.
export const minuteText = (ms, always) => timeText(ms, always).slice(0, -3);

// ageText is how long something has been, in seconds.
export function ageText(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  return words.age(Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60, s);
}

// write puts the words into all elements that have data-text or data-label.
export function write() {
  document.documentElement.lang = words.code;
  for (const e of document.querySelectorAll("[data-text]")) e.textContent = words[e.dataset.text];
  for (const e of document.querySelectorAll("[data-label]")) e.setAttribute("aria-label", words[e.dataset.label]);
}
