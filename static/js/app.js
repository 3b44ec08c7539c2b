/* Everything works without JavaScript; this makes it pleasant. `.js-only` shows where it runs. */
import "./copy.js";
import "./menus.js";
import "./choice.js";
import "./rows.js";
import "./json-editor.js";
import "./zone.js";
import "./fragments.js";
import "./attribute-editor.js";

document.documentElement.classList.add("js");
