/* Values of a condition as tokens. The text area, one value a line, stays what the form sends; without
   this file it is simply typed in. Enter, comma or paste of several lines adds; Backspace removes the last. */

const MANY = 200; // a list this long is easier to edit as text

// A new token may move the button that is just being pressed away from the pointer: it waits for the release.
let isPressing = false;
document.addEventListener("pointerdown", () => (isPressing = true), true);
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => (isPressing = false), true);
}

function afterPress(act) {
  if (isPressing) document.addEventListener("pointerup", () => setTimeout(act), { once: true });
  else act();
}

function linesOf(area) {
  return area.value.split(/\r\n|\r|\n/).filter((line) => line.trim());
}

function split(area, text) {
  const keepsSpaces = "tokensKeepSpaces" in area.dataset; // there a comma may be part of the value, too
  const parts = text.split(keepsSpaces ? /[\r\n]+/ : /[\r\n,;]+/);
  return parts.map((part) => (keepsSpaces ? part : part.trim())).filter((part) => part.trim());
}

function showTokens(area) {
  const list = document.createElement("span");
  list.className = "tokens";

  const input = document.createElement("input");
  input.id = `${area.id}-new`;
  input.placeholder = area.placeholder;
  input.autocomplete = "off";
  input.spellcheck = false;
  input.setAttribute("aria-label", area.dataset.tokensLabel);
  for (const name of ["aria-invalid", "aria-describedby"]) {
    if (area.hasAttribute(name)) input.setAttribute(name, area.getAttribute(name));
  }

  function draw() {
    list.replaceChildren(...linesOf(area).map(token));
  }

  function token(value, place) {
    const shown = document.createElement("span");
    shown.className = "token";
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `${area.dataset.tokensRemove} ${value}`);
    remove.addEventListener("click", () => {
      area.value = linesOf(area).filter((_line, index) => index !== place).join("\n");
      draw();
      input.focus();
    });
    shown.append(value, remove);
    return shown;
  }

  function store(text) {
    const known = linesOf(area);
    const fresh = split(area, text).filter((value) => !known.includes(value));
    area.value = [...known, ...new Set(fresh)].join("\n");
    input.value = "";
  }

  function add(text) {
    store(text);
    draw();
  }

  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // an input method's Enter chooses a word
    if (event.key === "Enter" && input.value.trim()) {
      event.preventDefault();
      add(input.value);
    } else if (event.key === "," && !("tokensKeepSpaces" in area.dataset)) {
      event.preventDefault();
      add(input.value);
    } else if (event.key === "Backspace" && !input.value) {
      area.value = linesOf(area).slice(0, -1).join("\n");
      draw();
    }
  });
  input.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text");
    if (split(area, text).length > 1) {
      event.preventDefault();
      add(input.value + text);
    }
  });
  input.addEventListener("blur", () => {
    store(input.value); // what was typed, not entered, counts
    afterPress(draw);
  });

  const label = area.labels?.[0];
  if (label) {
    label.htmlFor = input.id;
    label.textContent = area.dataset.tokensTitle;
  }
  area.hidden = true;
  area.after(list, input);
  draw();
}

function enhance(root) {
  for (const area of root.querySelectorAll("textarea[data-tokens]:not([hidden])")) {
    if (linesOf(area).length <= MANY) showTokens(area);
  }
}

enhance(document);
document.addEventListener("htmx:load", (event) => enhance(event.detail.elt));
