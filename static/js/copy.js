/* Copy buttons: [data-copy] copies its value, [data-copy-code] the code block it stands in. */

const SHOWN_MS = 1600;

async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Plain http on a host name: the clipboard API isn't there.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-code]");
  if (!button) return;
  const text = button.dataset.copy ?? button.closest(".code").querySelector("code").textContent;
  await copy(text);
  const place = button.querySelector(".copy__said, .copy__label");
  const before = place.dataset.before ?? place.textContent;
  place.dataset.before = before;
  place.textContent = button.dataset.copied;
  setTimeout(() => (place.textContent = before), SHOWN_MS);
});
