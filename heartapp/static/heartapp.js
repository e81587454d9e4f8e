// The form works without this file. This file renews the result while values are typed, keeps entries in this tab,
// moves to faults and results, and shows server errors in place of the result.

const PAUSE = 250; // Milliseconds after the last key until the entries are sent.
const SETTLED = 600; // Milliseconds after the last answer until it is announced.
const STORE = "entries";

const form = () => document.getElementById("patient");
const result = () => document.getElementById("result");
const entries = () => JSON.stringify([...new FormData(form())].sort());
const complete = () => [...form().elements].every((input) => !input.required || input.value.trim());
let asked = false; // Whether the button started the request; then the focus may move to the faults.
let typing = false; // Whether the last change was a key in a field that still has the focus: it may be half a number.
let edited = false; // Whether the person went on to edit after pressing the button; then nothing scrolls.
let sent = entries(); // The entries of the latest request.
let shown = sent; // The entries that the result belongs to.
let pause, announcing;

// Morphing in a new result must not change what was typed, chosen or opened.
const kept = { INPUT: ["value", "checked"], DETAILS: ["open"] };
htmx.registerExtension("keep-entries", {
  htmx_before_morph_attr: (element, { attrName }) =>
    !kept[element.tagName]?.includes(attrName) || (element.tagName === "INPUT" && element.form !== form()),
});

function keep() {
  const before = JSON.parse(sessionStorage.getItem(STORE) ?? "{}");
  sessionStorage.setItem(STORE, JSON.stringify({ ...before, ...Object.fromEntries(new FormData(form())) }));
}

// After a reload or Back, an untouched form gets what was typed in this tab.
function restore() {
  const before = JSON.parse(sessionStorage.getItem(STORE) ?? "{}");
  const filled = (input) => (input.type === "radio" ? input.defaultChecked && input.value : input.defaultValue);
  if (![...form().querySelectorAll("[data-example]")].some(filled)) enter(before, (input) => input.name in before);
}

// A link holds the entries behind its "#", which no server receives; what it lacks stays empty.
function openLink() {
  const linked = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  if (!linked.model) return restore();
  enter(linked, (input) => input.name !== "kept");
  keep();
}

function enter(values, chosen) {
  for (const input of form().elements) {
    if (!input.matches("input, select") || input.name === "model" || !chosen(input)) continue;
    const value = values[input.name] ?? "";
    if (input.type === "radio") input.checked = input.value === value;
    else if (value || input.matches("input")) input.value = value;
  }
  update();
}

// Puts the entries of the answer into the address, for a person to copy. It goes when they change.
function makeLink(button) {
  history.replaceState(history.state, "", `#${document.getElementById("keep").value}`);
  button.nextElementSibling.textContent = button.dataset.done;
}

function dropLink() {
  if (location.hash.includes("model=")) history.replaceState(history.state, "", location.pathname + location.search);
  for (const output of document.querySelectorAll("#linked")) output.textContent = "";
}

// Send the entries if they are complete and not those of the result.
function update() {
  clearTimeout(pause);
  const underWay = result().matches(".htmx-request") && entries() === sent;
  if (complete() && entries() !== shown && !underWay) form().requestSubmit();
}

function updateSoon() {
  clearTimeout(pause);
  pause = setTimeout(update, PAUSE);
}

function markOutdated() {
  result().classList.toggle("outdated", result().dataset.state === "prediction" && entries() !== shown);
}

// Beside a response curve: the risk that another value would give.
function probe(slider) {
  const [x, text] = slider.dataset.steps.split(";")[slider.value].split("|");
  const cursor = slider.closest(".response").querySelector(".cursor");
  for (const end of ["x1", "x2"]) cursor.setAttribute(end, `${x}%`);
  slider.nextElementSibling.textContent = text;
  slider.setAttribute("aria-valuetext", text);
}

function probeAt(chart, pointer) {
  const slider = chart.closest(".response").querySelector("input");
  const { left, width } = chart.getBoundingClientRect();
  const at = (100 * (pointer - left)) / width;
  const xs = slider.dataset.steps.split(";").map((step) => Math.abs(parseFloat(step) - at));
  slider.value = xs.indexOf(Math.min(...xs));
  probe(slider);
}

function resetProbes() {
  for (const slider of document.querySelectorAll(".probe input")) {
    slider.value = slider.getAttribute("value");
    probe(slider);
  }
}

function fillExample() {
  for (const input of form().querySelectorAll("[data-example]")) {
    if (input.type === "radio") input.checked = true;
    else input.value = input.dataset.example;
  }
  for (const units of form().querySelectorAll("select")) units.selectedIndex = 0;
  keep();
  update();
}

// One announcement, when answers no longer change.
function announce() {
  clearTimeout(announcing);
  announcing = setTimeout(() => {
    document.getElementById("announcement").textContent = result().dataset.announcement;
  }, SETTLED);
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
  const notes = result().querySelectorAll(".working, .waiting");
  for (const input of result().querySelectorAll("input[form]")) {
    input.type = "hidden"; // Options stand beside the answer; without one, the form keeps them.
    form().append(input);
  }
  result().replaceChildren(...notes, ...[...content].filter((one) => !one.matches(".working, .waiting")));
  result().dataset.state = "trouble";
  result().dataset.announcement = document.getElementById("announcement").textContent = "";
  shown = "";
  markOutdated();
  if (asked && !edited) bringIntoView();
  asked = false;
}

document.addEventListener("click", (event) => {
  if (event.target.closest("#example")) {
    event.preventDefault();
    fillExample();
  }
  // A button that sends the form with another value of a field: the unit of a number, or A. It may go away then.
  const button = event.target.closest("button[name]");
  if (button?.form === form()) {
    const input = document.getElementById(button.name);
    input.value = button.value;
    document.getElementById(button.dataset.focus ?? input.id).focus();
    keep();
  }
  if (event.target.closest("#link")) makeLink(event.target);
  if (event.target.closest("#clear")) sessionStorage.removeItem(STORE);
  // A fault may be in a folded part of the form.
  const target = event.target.closest("#summary a")?.hash.slice(1);
  if (target) document.getElementById(target)?.closest("details")?.setAttribute("open", "");
});

document.addEventListener("change", (event) => {
  if (event.target.form !== form()) return;
  typing = false;
  dropLink();
  keep();
  update();
});

document.addEventListener("pointermove", (event) => {
  const chart = event.target.closest?.(".response .chart");
  if (chart) probeAt(chart, event.clientX);
});

document.addEventListener("input", (event) => {
  const { target } = event;
  if (target.matches(".probe input")) probe(target);
  if (target.dataset.for) {
    const field = document.getElementById(target.dataset.for);
    field.value = target.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (event.target.form !== form()) return;
  edited = typing = true;
  dropLink();
  keep();
  markOutdated();
  updateSoon();
});

document.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  asked ||= event.submitter !== null;
  if (event.submitter) edited = typing = false;
  sent = entries();
});

// HTMX would send the whole address, with the entries of a link.
document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  delete ctx.request.headers["HX-Current-URL"];
});

// Half a number is no fault: the old answer stays, marked as out of date, until the field is left. An answer to entries
// that have changed since is not shown; the new entries are sent.
document.addEventListener("htmx:before:swap", (event) => {
  const half = event.detail.ctx.response?.status === 422 && typing && !asked;
  const late = entries() !== sent;
  if (half || late) event.preventDefault();
  if (late) updateSoon();
});

document.addEventListener("htmx:after:swap", () => {
  shown = sent;
  resetProbes();
  const summary = document.getElementById("summary");
  document.querySelectorAll("#also:has(.error)").forEach((part) => part.setAttribute("open", ""));
  if (asked && summary) summary.focus();
  else if (asked && !edited) bringIntoView();
  asked = false;
  markOutdated();
  announce();
});

document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (ctx.response.status !== 422) showTrouble(unavailable(ctx.text));
});

document.addEventListener("htmx:error", () => showTrouble());

document.documentElement.classList.add("with-script");
resetProbes();
addEventListener("hashchange", openLink);
setTimeout(openLink); // HTMX starts in a timeout as well, an earlier one; before, the form would leave the page.
