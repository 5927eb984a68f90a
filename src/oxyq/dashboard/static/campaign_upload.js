// The list of a campaign as a file of any size: sent as it is, and looked at before the page goes on.

const form = document.getElementById("upload");
if (form) {
  form.hidden = false;
  // One button stands out: the one for files, now that there is one.
  form.nextElementSibling.querySelector("button").classList.remove("primary");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form.querySelector("input[type=file]").files[0]);
  });
}

function send(file) {
  if (!file) return;
  const progress = form.querySelector("progress");
  const status = form.querySelector("[role=status]");
  const button = form.querySelector("button");
  // Without its progress there is no saying how far a long upload is, and fetch tells none.
  const request = new XMLHttpRequest();
  request.open("PUT", form.dataset.address);
  request.setRequestHeader("Content-Type", /\.(ndjson|jsonl)$/i.test(file.name) ? "application/x-ndjson" : "text/csv");
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) progress.value = event.loaded / event.total;
  });
  request.upload.addEventListener("load", () => {
    progress.removeAttribute("value");
    status.textContent = form.dataset.checking;
  });
  request.addEventListener("load", () => {
    if (request.status === 204 || request.status === 401) return location.reload();
    ended(problem(request.responseText));
  });
  request.addEventListener("error", () => ended(""));
  button.disabled = true;
  progress.hidden = false;
  progress.value = 0;
  status.className = "note";
  status.textContent = form.dataset.sending;
  request.send(file);

  function ended(why) {
    button.disabled = false;
    progress.hidden = true;
    status.className = "problem";
    status.textContent = why || form.dataset.failed;
  }
}

function problem(answer) {
  try {
    return JSON.parse(answer).problem ?? "";
  } catch {
    return "";
  }
}
