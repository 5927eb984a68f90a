// One chat: it stands at its end, follows what is new while one reads there, and Ctrl + Enter sends.
const END = 40; // px from the end that count as the end

let wasAtEnd = true;
const box = () => document.getElementById("chat");
const isAtEnd = (chat) => chat.scrollHeight - chat.scrollTop - chat.clientHeight < END;

function goToEnd() {
  const chat = box();
  if (chat) chat.scrollTop = chat.scrollHeight;
}

document.addEventListener("scroll", (event) => {
  if (event.target === box()) wasAtEnd = isAtEnd(event.target);
}, true);

new MutationObserver(() => { if (wasAtEnd) goToEnd(); }).observe(document.getElementById("main"), { childList: true, subtree: true });

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const form = event.target.closest?.("form.reply");
  if (!form) return;
  event.preventDefault();
  form.requestSubmit();
});

goToEnd();
