/** Counters, showing a password, and what a fee leaves: all of it is right without this file too, only later. */

const counted = new Intl.NumberFormat("ko-KR");

function count(field) {
  const counter = document.querySelector(`[data-counter="${field.id}"]`);
  if (counter) counter.textContent = counter.textContent.replace(/^\d+/, String([...field.value].length));
}

/** An element with data-left-of="fee" shows data-balance less the fee, with data-with="amount" both, with data-shows="fee" the fee itself. */
function showAmounts(field) {
  const amount = field.validity.valid ? Number(field.value) : 0;
  for (const place of document.querySelectorAll(`[data-left-of="${field.id}"], [data-with="${field.id}"], [data-shows="${field.id}"]`)) {
    const value = Number(place.dataset.balance ?? 0) + (place.dataset.leftOf ? -amount : amount);
    const figure = place.querySelector("data");
    figure.value = String(value);
    figure.textContent = `${value < 0 ? "−" : ""}${counted.format(Math.abs(value))}P`;
  }
  for (const chip of document.querySelectorAll(`[data-fills="${field.id}"]`)) {
    chip.toggleAttribute("aria-current", chip.dataset.value === field.value);
  }
}

/** A link with data-fills="amount" puts data-value into that field; without this file it leads to the page with the value in it. */
document.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-fills]");
  const field = chip && document.getElementById(chip.dataset.fills);
  if (!field || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  field.value = chip.dataset.value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("focusout", { bubbles: true }));
});

document.addEventListener("input", (event) => {
  count(event.target);
  if (event.target.type === "number") showAmounts(event.target);
  // At once, and not when the field is left: the button that is being pressed would move away.
  if (event.target.validity?.valid) document.getElementById(`${event.target.id}-live`)?.toggleAttribute("hidden", true);
});

/** A field that is left with a wrong value says so at once, in the browser's words; the server has the last word. */
document.addEventListener("focusout", (event) => {
  const field = event.target;
  if (!field.matches?.(".input") || !field.form || !field.value) return;
  const place = document.getElementById(`${field.id}-live`) ?? livePlace(field);
  place.textContent = field.validity.valid ? "" : field.validationMessage;
  place.hidden = field.validity.valid;
});

function livePlace(field) {
  const place = document.createElement("p");
  place.id = `${field.id}-live`;
  place.className = "problem";
  field.closest(".field")?.append(place);
  field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby") ?? ""} ${place.id}`.trim());
  return place;
}

function start(root) {
  for (const button of root.querySelectorAll("[data-peek][hidden]")) button.hidden = false;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-peek]");
  if (!button) return;
  const field = document.getElementById(button.dataset.peek);
  const shown = field.type === "text";
  field.type = shown ? "password" : "text";
  button.setAttribute("aria-pressed", String(!shown));
});

document.addEventListener("DOMContentLoaded", () => start(document));
document.addEventListener("htmx:load", (event) => start(event.target));
