// Elements, made without a text ever being read as HTML.

export const byId = (id) => document.getElementById(id);

// el makes an element. What begins with "on" is a listener, a property that the element has is set, and the rest are attributes.
export function el(tag, set = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (name in e && name !== "role") e[name] = value;
    else e.setAttribute(name, value);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

// setText writes a text only where it is another: what has not changed is not read out again.
export function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

// soon calls f once in the next frame, however often it is asked.
export function soon(f) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      f();
    });
  };
}
