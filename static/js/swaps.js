/** What HTMX leaves to the page: the CSRF header, where the focus goes, a form that was sent, and a connection that is lost. */

const flash = () => document.getElementById("flash");

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRFToken"] = document.querySelector('meta[name="csrf-token"]').content;
});

/** Plain posts show that they are on their way, and are sent once. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[hx-post], [hx-get]") || form.method !== "post") return;
  if (form.classList.contains("busy")) event.preventDefault();
  form.classList.add("busy");
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form.busy")) form.classList.remove("busy");
});

/** The list's next page takes the place of its link: the focus goes to the first of the new items. */
let itemBefore = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  const link = event.detail.requestConfig?.elt;
  itemBefore = link?.matches('[rel="next"]') && document.activeElement === link ? link.closest("li").previousElementSibling : null;
  if (event.detail.target === flash()) document.querySelector("dialog[open]")?.close();
});

document.addEventListener("htmx:afterSettle", (event) => {
  const posted = event.detail.requestConfig?.verb === "post";
  const wrong = event.detail.elt.querySelector("[aria-invalid]");
  if (wrong && posted) {
    wrong.focus();
  } else if (itemBefore) {
    itemBefore.nextElementSibling?.querySelector("a, button")?.focus();
    itemBefore = null;
  } else if (event.detail.elt === flash()) {
    flash().scrollIntoView({ block: "nearest" });
  } else if (document.activeElement === document.body && posted) {
    focusOn(event.detail.elt);
  }
});

/** Whoever pressed a button that is gone now continues at the part that took its place. */
function focusOn(element) {
  const place = document.getElementById(element.id) ?? document.getElementById("main");
  place.setAttribute("tabindex", "-1");
  place.focus({ preventScroll: true });
}

document.addEventListener("htmx:sendError", lost);
document.addEventListener("htmx:timeout", lost);

/** What a form says of itself (data-lost) where the answer alone may be lost, or what the page says of all of them. */
function lost(event) {
  if (event.detail.requestConfig?.headers["X-Poll"]) return; // it asks again by itself, and alarms nobody
  const note = document.createElement("div");
  note.className = "note note-error";
  note.setAttribute("role", "alert");
  note.textContent = (event.target.closest("[data-lost]") ?? document.body).dataset.lost;
  document.querySelector("dialog[open]")?.close();
  flash().replaceChildren(note);
  flash().scrollIntoView({ block: "nearest" });
}
