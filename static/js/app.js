/* Marks that JavaScript runs: what needs it (`.js-only`) shows itself. */
document.documentElement.classList.add("js");
