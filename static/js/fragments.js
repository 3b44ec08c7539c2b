/* Fragments by htmx: what was typed while the server answered stays, and that the server is away is said, not
   hidden behind what it said last. */

const SERVER_ERROR = 500;
const TYPED_INTO = new Set(["text", "textarea", "search", "email", "number", "password", "select-one"]);
const sentFields = new WeakMap(); // by request: what the fields of its target held when it was sent

document.addEventListener("htmx:sendError", () => mark(true));
document.addEventListener("htmx:afterRequest", (event) => {
  const status = event.detail.xhr.status;
  if (status) mark(status >= SERVER_ERROR);
});

document.addEventListener("htmx:beforeSend", ({ detail }) => {
  sentFields.set(detail.xhr, valuesIn(detail.target));
});

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const sent = sentFields.get(detail.xhr);
  if (!sent || !detail.shouldSwap) return;
  const typed = [...valuesIn(detail.target)].filter(([name, value]) => sent.has(name) && sent.get(name) !== value);
  if (typed.length === 0) return;
  const putBack = () => typed.forEach(([name, value]) => restore(name, sent.get(name), value));
  document.addEventListener("htmx:afterSwap", putBack, { once: true });
});

function mark(isAway) {
  document.documentElement.toggleAttribute("data-server-away", isAway);
}

/* By name, of those fields whose name is theirs alone. */
function valuesIn(target) {
  const values = new Map();
  for (const field of target.querySelectorAll("input[name], textarea[name], select[name]")) {
    if (isAlone(field) && TYPED_INTO.has(field.type)) {
      values.set(field.name, field.value);
    }
  }
  return values;
}

/* Only where the new field shows what was sent under its name: rows that were moved or removed bear other names. */
function restore(name, sent, typed) {
  const [field] = document.getElementsByName(name);
  if (!field || !isAlone(field) || field.value !== sent) return;
  field.value = typed;
  if (field.value !== typed) field.value = sent; // a choice that is offered no longer
  else if (field.type === "select-one") field.dispatchEvent(new Event("change", { bubbles: true }));
}

function isAlone(field) {
  return document.getElementsByName(field.name).length === 1;
}
