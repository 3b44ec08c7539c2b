/* Buttons that act on the chosen row rest until one is chosen. */

function refresh() {
  for (const button of document.querySelectorAll("[data-needs-choice]")) {
    button.disabled = !button.form?.querySelector("[name=selected]:checked");
  }
}

document.addEventListener("change", (event) => {
  if (event.target.name === "selected") refresh();
});
document.addEventListener("htmx:afterSettle", refresh);
window.addEventListener("pageshow", refresh); // back again, with the row still chosen
refresh();
