/** The payment widget of Toss: its script is fetched, drawn for the stored order, and opened by the button. */

const place = document.getElementById("checkout");
const pay = document.getElementById("pay");
const PATIENCE = 15000; // milliseconds until somebody is told that the script does not come

if (place && pay) begin();

function begin() {
  const script = document.createElement("script");
  const late = setTimeout(lost, PATIENCE);
  script.addEventListener("load", () => {
    clearTimeout(late);
    draw(place.dataset).catch(lost);
  });
  script.addEventListener("error", () => {
    clearTimeout(late);
    lost();
  });
  script.src = place.dataset.sdk;
  document.head.append(script);
}

async function draw(order) {
  const widgets = window.TossPayments(order.clientKey).widgets({ customerKey: order.customerKey });
  await widgets.setAmount({ currency: "KRW", value: Number(order.amount) });
  await widgets.renderPaymentMethods({ selector: "#methods", variantKey: "DEFAULT" });
  await widgets.renderAgreement({ selector: "#agreement", variantKey: "AGREEMENT" });
  place.classList.add("drawn");
  pay.hidden = pay.disabled = false;
  pay.addEventListener("click", () => open(widgets, order));
}

/** The browser leaves for Toss, and comes back to one of the two addresses; or the person closes the window. */
async function open(widgets, order) {
  pay.disabled = true;
  try {
    await widgets.requestPayment({
      orderId: order.orderId,
      orderName: order.orderName,
      successUrl: order.successUrl,
      failUrl: order.failUrl,
    });
  } catch (error) {
    say(error.code === "USER_CANCEL" ? order.left : `${error.message} ${order.untouched}`, "notice");
    pay.disabled = false;
  }
}

/** Whoever comes back by the browser's own button may have paid meanwhile: the page is asked for anew. */
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

function lost() {
  say(place.dataset.lost, "error");
}

function say(text, kind) {
  const note = document.createElement("div");
  note.className = `note note-${kind}`;
  note.setAttribute("role", "alert");
  note.textContent = text;
  const flash = document.getElementById("flash");
  flash.replaceChildren(note);
  flash.scrollIntoView({ block: "nearest" });
}
