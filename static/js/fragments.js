/* Fragments by htmx: that the server is away is said, not hidden behind what it said last. */

const SERVER_ERROR = 500;

document.addEventListener("htmx:sendError", () => mark(true));
document.addEventListener("htmx:afterRequest", (event) => {
  const status = event.detail.xhr.status;
  if (status) mark(status >= SERVER_ERROR);
});

function mark(isAway) {
  document.documentElement.toggleAttribute("data-server-away", isAway);
}
