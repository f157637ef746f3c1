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

// zoneText is how far the browser's zone is from UTC at a time, such as UTC+9.
export function zoneText(ms) {
  const minutes = -new Date(ms).getTimezoneOffset(), size = Math.abs(minutes);
  if (size === 0) return "UTC";
  return `UTC${minutes < 0 ? "−" : "+"}${Math.floor(size / 60)}${size % 60 ? ":" + two(size % 60) : ""}`;
}

// zoneName is the name of the browser's zone, such as Asia/Tokyo.
export const zoneName = () => Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";

// utcText is a time in UTC, as the terminal has it.
export const utcText = (ms) => new Date(ms).toISOString().replace(/\.\d+/, "");

// dated is a time of day with its date, unless that is today, and with its zone where that is not the one that the page names.
function dated(ms, always, time) {
  const t = new Date(ms), now = new Date();
  const day = always || t.toDateString() !== now.toDateString() ? `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ` : "";
  const zone = zoneText(ms) === zoneText(now) ? "" : " " + zoneText(ms);
  return day + time(t) + zone;
}

const minute = (t) => `${two(t.getHours())}:${two(t.getMinutes())}`;
const second = (t) => `${minute(t)}:${two(t.getSeconds())}`;

// timeText is a time of the browser's zone, to the second; without the date where it is today.
export const timeText = (ms, always) => dated(ms, always, second);

// minuteText is a time as timeText has it, to the minute.
export const minuteText = (ms, always) => dated(ms, always, minute);

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
