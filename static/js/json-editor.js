/* The JSON editor around a textarea: line numbers, Tab, the error's line, statements to insert.

   The text is checked by the server as one types (htmx on the textarea's holder); each problem it
   answers with carries data-line. Tab indents until Escape was pressed, so the keyboard gets out. */

const INDENT = "  ";

function numberLines(editor) {
  const area = editor.querySelector("textarea");
  const numbers = editor.querySelector(".json-editor__lines");
  const wrong = new Set(
    [...editor.querySelectorAll("[data-json-problems] [data-line]")].map((item) => Number(item.dataset.line)),
  );
  numbers.replaceChildren(
    ...area.value.split("\n").map((_, index) => {
      const number = document.createElement("span");
      number.textContent = String(index + 1);
      number.classList.toggle("is-wrong", wrong.has(index + 1));
      return number;
    }),
  );
  numbers.scrollTop = area.scrollTop;
}

function showPlace(editor) {
  const area = editor.querySelector("textarea");
  const before = area.value.slice(0, area.selectionStart).split("\n");
  editor.querySelector("[data-json-place]").textContent = `${before.length}:${before.at(-1).length + 1}`;
}

function type(area, text) {
  // execCommand keeps the browser's undo; setRangeText is what is left where it isn't there.
  area.focus();
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

/* The document with `entry` appended to its list `member`; null where the text is no such document. */
function appended(text, member, entry) {
  try {
    const whole = text.trim() ? JSON.parse(text) : {};
    if (!member) return Array.isArray(whole) ? [...whole, entry] : null;
    const list = whole[member] ?? [];
    return { ...whole, [member]: [...(Array.isArray(list) ? list : [list]), entry] };
  } catch {
    return null;
  }
}

function insert(editor, button) {
  const area = editor.querySelector("textarea");
  const whole = appended(area.value, button.dataset.insertInto, JSON.parse(button.dataset.insert));
  if (whole !== null) area.setSelectionRange(0, area.value.length);
  type(area, whole === null ? button.dataset.insert : JSON.stringify(whole, null, 2));
}

function onKey(event) {
  const area = event.target;
  if (event.key === "Escape") {
    area.dataset.leaving = "yes";
  } else if (event.key === "Tab" && !event.shiftKey && !area.dataset.leaving) {
    event.preventDefault();
    type(area, INDENT);
  } else if (event.key === "Enter") {
    const line = area.value.slice(0, area.selectionStart).split("\n").at(-1);
    const deeper = /[[{]\s*$/.test(line) ? INDENT : "";
    event.preventDefault();
    type(area, `\n${line.match(/^\s*/)[0]}${deeper}`);
  }
}

function attach(editor) {
  if (editor.dataset.attached) return;
  editor.dataset.attached = "yes";
  const area = editor.querySelector("textarea");
  area.spellcheck = false;
  area.addEventListener("keydown", onKey);
  area.addEventListener("blur", () => delete area.dataset.leaving);
  area.addEventListener("input", () => numberLines(editor));
  area.addEventListener("scroll", () => (editor.querySelector(".json-editor__lines").scrollTop = area.scrollTop));
  for (const name of ["keyup", "click", "input"]) area.addEventListener(name, () => showPlace(editor));
  editor.addEventListener("htmx:afterSwap", () => numberLines(editor));
  editor.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (button) insert(editor, button);
  });
  numberLines(editor);
}

function attachAll() {
  document.querySelectorAll("[data-json-editor]").forEach(attach);
}

attachAll();
document.addEventListener("htmx:afterSettle", attachAll);
