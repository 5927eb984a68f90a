// The list of jobs: says how many rows are ticked; "all that fit" goes before single rows. Without it the form works all the same.
document.documentElement.classList.add("scripted");

const number = new Intl.NumberFormat(document.body.dataset.locale);

document.addEventListener("change", (event) => {
  const form = event.target.closest("form");
  const told = form?.querySelector("[data-chosen]");
  if (!told) return;
  const all = form.querySelector('input[name="all"]').checked;
  const ticked = form.querySelectorAll('input[name="ids"]:checked').length;
  for (const box of form.querySelectorAll('input[name="ids"], input[data-ticks]')) box.disabled = all;
  told.hidden = all || ticked === 0;
  told.textContent = ticked === 1 ? told.dataset.chosenOne : told.dataset.chosen.replace("#", number.format(ticked));
});
