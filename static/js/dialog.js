/** Links with data-dialog="name" open the <dialog id="name"> of this page; without this file they lead to a page with the same form. */

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    dialog.showModal();
    return;
  }
  const closer = event.target.closest("dialog [data-close]");
  if (closer || event.target.matches("dialog")) {
    event.preventDefault();
    event.target.closest("dialog").close();
  }
});
