// The form works without this file. This file fills in the example without a reload, renews the result when a value
// changes, moves to faults and results, and shows server errors in place of the result.

const form = () => document.getElementById("patient");
const result = () => document.getElementById("result");
const entries = () => JSON.stringify([...new FormData(form())].filter(([name]) => name !== "csrf_token"));
let asked = false; // Whether the button started the request; then the focus may move to the faults.
let edited = false; // Whether the person went on to edit after that; then the page does not scroll to the answer.
let sent = entries(); // The entries that the result belongs to.

// Morphing in a new result must not change what was typed, chosen or opened.
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

// On a phone the result is below the form. The focus stays where it is.
function bringIntoView() {
  const { top, bottom } = (document.getElementById("risk") ?? result()).getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) result().scrollIntoView();
}

// Show heartapp's own page about a model that is not available, but no error page of a proxy.
function unavailable(text) {
  return new DOMParser().parseFromString(text, "text/html").querySelector("#result[data-state=unavailable]")?.children;
}

function showTrouble(content = document.getElementById("trouble").content.cloneNode(true).children) {
  const working = result().querySelector(".working");
  result().replaceChildren(working, ...[...content].filter((one) => !one.matches(".working")));
  result().dataset.state = "trouble";
  document.getElementById("announcement").textContent = "";
  if (asked && !edited) bringIntoView();
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

document.addEventListener("input", () => {
  edited = true;
  markOutdated();
});

document.addEventListener("submit", (event) => {
  asked ||= event.submitter !== null;
  if (event.submitter) edited = false;
  sent = entries();
});

document.addEventListener("htmx:after:swap", () => {
  const summary = document.getElementById("summary");
  if (asked && summary) summary.focus();
  else if (asked && !edited) bringIntoView();
  asked = false;
  markOutdated();
});

document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (ctx.response.status !== 422) showTrouble(unavailable(ctx.text));
});

document.addEventListener("htmx:error", () => showTrouble());
