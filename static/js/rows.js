/* Rows that are added and removed (tags): [data-rows] holds [data-row]s and a [data-add-row] button. */

function cleared(row) {
  for (const input of row.querySelectorAll("input")) input.value = "";
  return row;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-add-row], [data-remove-row]");
  const holder = button?.closest("[data-rows]");
  if (!holder) return;
  const rows = holder.querySelectorAll("[data-row]");
  if (button.matches("[data-add-row]")) {
    const row = cleared(rows[rows.length - 1].cloneNode(true));
    row.querySelectorAll("[id]").forEach((element) => element.removeAttribute("id"));
    rows[rows.length - 1].after(row);
    row.querySelector("input").focus();
  } else if (rows.length > 1) {
    button.closest("[data-row]").remove();
    holder.querySelector("[data-add-row]").focus();
  } else {
    cleared(rows[0]).querySelector("input").focus();
  }
});
