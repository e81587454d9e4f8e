// The form works without this file. With it: the example is filled in without a reload, a changed value gets a new
// answer, faults are brought to the reader, and a server that does not answer is told where the result would be.

const form = () => document.getElementById("patient");
const result = () => document.getElementById("result");
let asked = false; // Whether the running request was asked for with the button; then focus may move to the faults.

function fillExample() {
  for (const input of form().querySelectorAll("[data-example]")) {
    if (input.type === "radio") input.checked = true;
    else input.value = input.dataset.example;
  }
  refresh();
}

function refresh() {
  if (result().dataset.state === "prediction") form().requestSubmit();
}

function showTrouble() {
  result().replaceChildren(document.getElementById("trouble").content.cloneNode(true));
  result().dataset.state = "trouble";
  document.getElementById("announcement").textContent = "";
}

document.addEventListener("click", (event) => {
  if (event.target.closest("#example")) {
    event.preventDefault();
    fillExample();
  }
});

document.addEventListener("change", (event) => {
  if (event.target.closest("#patient")) refresh();
});

document.addEventListener("input", (event) => {
  if (event.target.matches("#patient input") && result().dataset.state === "prediction") result().classList.add("outdated");
});

document.addEventListener("submit", (event) => {
  asked = event.submitter !== null;
});

document.addEventListener("htmx:after:swap", () => {
  const summary = document.getElementById("summary");
  if (asked && summary) summary.focus();
  asked = false;
});

document.addEventListener("htmx:response:error", (event) => {
  if (event.detail.ctx.response.status !== 422) showTrouble();
});

document.addEventListener("htmx:error", showTrouble);
