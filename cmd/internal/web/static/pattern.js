// Patterns of host names, as the operator's commands have them: "*" is any number of characters, "?" is one, "[001-200]" is a number from 1
// to 200 of three digits, "[1-200]" the same numbers without zeros before them.

const maxLength = 512, maxDigits = 18; // as the commands have them

// parse gives a function that says whether the pattern matches a whole host name; null where the text is no pattern.
export function parse(text) {
  if (!text || text.length > maxLength || /[^\x21-\x7e]/.test(text)) return null;
  const prefix = /^[^*?[\]]*/.exec(text)[0], steps = [];
  for (const [part] of text.slice(prefix.length).matchAll(/\[[^\]]*\]?|[^[]/g)) {
    const step = part === "*" ? anything : part === "?" ? one : part[0] === "[" ? range(part) : part === "]" ? null : letter(part);
    if (!step) return null;
    steps.push(step);
  }
  return (host) => host.startsWith(prefix) && matches(steps, host.slice(prefix.length));
}

// A step sets the places in ends at which what begins at place i may end.

const one = (s, i, ends) => { if (i < s.length) ends[i + 1] = 1; };

const anything = (s, i, ends) => { ends.fill(1, i); };

const letter = (c) => (s, i, ends) => { if (s[i] === c) ends[i + 1] = 1; };

// range is the step of a range with its brackets; null where it is none. Numbers have too many digits for arithmetic: of two that are as
// long as each other, the lower one stands first in the alphabet.
function range(part) {
  const [, low, high] = /^\[(\d+)-(\d+)\]$/.exec(part) ?? [];
  if (!low || Math.max(low.length, high.length) > maxDigits) return null;
  const padded = [low, high].some((n) => n.length > 1 && n[0] === "0");
  if ((padded && low.length !== high.length) || !isUpTo(low, high)) return null;
  return (s, i, ends) => {
    for (let j = i; j - i < high.length && s[j] >= "0" && s[j] <= "9"; j++) {
      if (!padded && j > i && s[i] === "0") return;
      const n = s.slice(i, j + 1);
      if (isUpTo(low, n) && isUpTo(n, high)) ends[j + 1] = 1;
    }
  };
}

const isUpTo = (a, b) => a.length < b.length || (a.length === b.length && a <= b);

// matches follows all places at once, so that no way is tried twice.
function matches(steps, s) {
  let at = new Uint8Array(s.length + 1), next = new Uint8Array(s.length + 1);
  at[0] = 1;
  for (const step of steps) {
    next.fill(0);
    for (let i = 0; i <= s.length; i++) if (at[i]) step(s, i, next);
    [at, next] = [next, at];
  }
  return at[s.length] === 1;
}
