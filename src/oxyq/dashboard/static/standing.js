// Parts of a page that say how they stood when it was made: [data-standing="topic" data-stood="…"]. When the topic tells
// another standing, also one that came before anybody listened, the page is asked for again.
import { refresh } from "./live.js";

document.addEventListener("board-value", ({ detail: { topic, value } }) => {
  for (const part of document.querySelectorAll(`[data-standing="${CSS.escape(topic)}"]`)) {
    if (part.dataset.stood !== value) return refresh();
  }
});
