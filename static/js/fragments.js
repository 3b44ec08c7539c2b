/* Fragments by htmx: an answer that failed is said, not lost. */

document.addEventListener("htmx:sendError", () => mark(true));
document.addEventListener("htmx:responseError", () => mark(true));
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) mark(false);
});

function mark(isAway) {
  document.documentElement.toggleAttribute("data-server-away", isAway);
}
