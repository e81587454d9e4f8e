// The form works without this file. With it: the example is filled in without a reload, a changed value gets a new
// answer, faults are brought to the reader, and a server that does not answer is told where the result would be.

const form = () => document.getElementById("patient");
const result = () => document.getElementById("result");
const entries = () => JSON.stringify([...new FormData(form())].filter(([name]) => name !== "csrf_token"));
let asked = false; // Whether the running request was asked for with the button; then focus may move to the faults.
let sent = entries(); // What the result belongs to, or will when it comes.

// A new answer changes the page around the inputs and never what was typed, chosen or unfolded.
const kept = { INPUT: ["value", "checked"], DETAILS: ["open"] };
htmx.registerExtension("keep-entries", {
  htmx_before_morph_attr: (element, { attrName }) => !kept[element.tagName]?.includes(attrName),
});

function fillExample() {
  for (const input of form().querySelectorAll("[data-example]")) {
    if (input.type === "radio") input.checked = true;
    else input.value = input.dataset.example;
  }
  refresh();
}

function refresh() {
  if (result().dataset.state === "prediction" || result().matches(".htmx-request")) form().requestSubmit();
}

function markOutdated() {
  if (result().dataset.state === "prediction") result().classList.toggle("outdated", entries() !== sent);
}

function showTrouble() {
  const trouble = document.getElementById("trouble").content.cloneNode(true);
  result().replaceChildren(result().querySelector(".working"), trouble);
  result().dataset.state = "trouble";
  document.getElementById("announcement").textContent = "";
  asked = false;
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

document.addEventListener("input", markOutdated);

document.addEventListener("submit", (event) => {
  asked ||= event.submitter !== null;
  sent = entries();
});

document.addEventListener("htmx:after:swap", () => {
  const summary = document.getElementById("summary");
  if (asked && summary) summary.focus();
  asked = false;
  markOutdated();
});

document.addEventListener("htmx:response:error", (event) => {
  if (event.detail.ctx.response.status !== 422) showTrouble();
});

document.addEventListener("htmx:error", showTrouble);
