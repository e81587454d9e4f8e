// The form works without this file. With it: the example is filled in without a reload, a changed value gets a new
// answer, faults and a first sight of the result are brought to the reader, and trouble with the server is told where
// the result would be.

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

// On a phone the result stands below the form; on a desktop it is in view already. The focus stays where it is.
function bringIntoView() {
  const { top, bottom } = (document.getElementById("risk") ?? result()).getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) result().scrollIntoView();
}

// Only heartapp itself says that a model is not available; what a proxy on the way says helps no one.
function unavailable(text) {
  return new DOMParser().parseFromString(text, "text/html").querySelector("#result[data-state=unavailable]")?.children;
}

function showTrouble(told = document.getElementById("trouble").content.cloneNode(true).children) {
  const working = result().querySelector(".working");
  result().replaceChildren(working, ...[...told].filter((one) => !one.matches(".working")));
  result().dataset.state = "trouble";
  document.getElementById("announcement").textContent = "";
  if (asked) bringIntoView();
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
  else if (asked) bringIntoView();
  asked = false;
  markOutdated();
});

document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (ctx.response.status !== 422) showTrouble(unavailable(ctx.text));
});

document.addEventListener("htmx:error", () => showTrouble());
