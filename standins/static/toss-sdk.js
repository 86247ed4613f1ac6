/* The practice SDK: the interface of Toss Payments v2, as far as a widget needs it. It works under a strict policy:
   nothing inline, no eval, and style only in a constructed sheet. */
(() => {
  "use strict";

  const origin = new URL(document.currentScript.src).origin;
  const METHODS = ["카드", "간편결제", "계좌이체", "휴대폰"];
  const STYLE = `
    .practice-toss { margin: 0; padding: .25rem 1rem; border: 1px solid; border-radius: .75rem; }
    .practice-toss label { display: flex; align-items: center; gap: .75rem; min-height: 2.75rem; }
    .practice-toss input { flex: none; width: 1.25rem; height: 1.25rem; }
  `;
  let rendered = null; // one widget a page

  const refuse = (code, message) => {
    throw Object.assign(new Error(message), { code });
  };

  const place = (selector) =>
    document.querySelector(selector) ?? refuse("INVALID_SELECTOR", `${selector}: 이런 요소가 없어요.`);

  const choice = (type, name, value, text, checked) => {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type, name, value, checked });
    label.append(input, text);
    return label;
  };

  const box = (title, ...inside) => {
    const fieldset = document.createElement("fieldset");
    const legend = document.createElement("legend");
    fieldset.className = "practice-toss";
    legend.textContent = title;
    fieldset.append(legend, ...inside);
    return fieldset;
  };

  const dress = () => {
    if (document.adoptedStyleSheets.some((sheet) => sheet.practiceToss)) return;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    sheet.practiceToss = true;
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  };

  class Widgets {
    #clientKey;
    #amount = null;
    #methods = null;
    #agreement = null;

    constructor(clientKey) {
      this.#clientKey = clientKey;
    }

    async setAmount({ currency, value }) {
      if (currency !== "KRW" || !Number.isInteger(value) || value <= 0) refuse("INVALID_AMOUNT", "금액을 확인해 주세요.");
      this.#amount = value;
    }

    async renderPaymentMethods({ selector }) {
      if (this.#amount === null) refuse("AMOUNT_IS_NOT_SET", "setAmount를 먼저 불러 주세요.");
      if (rendered) refuse("ALREADY_WIDGET_RENDERED", "위젯은 한 페이지에 하나예요. destroy를 먼저 불러 주세요.");
      dress();
      const radios = METHODS.map((name, index) => choice("radio", "practice-toss-method", name, name, index === 0));
      rendered = this.#methods = box("결제 방법 (연습용)", ...radios);
      place(selector).replaceChildren(this.#methods);
      return {
        destroy: () => this.destroy(),
        getSelectedPaymentMethod: async () => ({ code: this.#method() }),
        on: () => {},
      };
    }

    async renderAgreement({ selector }) {
      dress();
      this.#agreement = box("약관 (연습용)", choice("checkbox", "practice-toss-agreement", "y", "결제 약관에 동의해요", true));
      place(selector).replaceChildren(this.#agreement);
      return { destroy: async () => this.#agreement?.remove(), on: () => {} };
    }

    async requestPayment({ orderId, orderName, successUrl, failUrl }) {
      if (!this.#methods?.isConnected || !this.#agreement?.isConnected) {
        refuse("NOT_RENDERED", "결제 방법과 약관을 먼저 그려 주세요.");
      }
      if (!this.#agreement.querySelector("input").checked) {
        refuse("NEED_AGREEMENT_WITH_REQUIRED_TERMS", "필수 약관에 동의해 주세요.");
      }
      if (!/^[\w-]{6,64}$/.test(orderId)) refuse("INVALID_ORDER_ID", "주문번호를 확인해 주세요.");
      if (!orderName || orderName.length > 100) refuse("INVALID_ORDER_NAME", "주문 이름을 확인해 주세요.");
      const window_ = new URL("/window", origin);
      const fields = { orderId, orderName, successUrl, failUrl, clientKey: this.#clientKey };
      window_.search = new URLSearchParams({ ...fields, amount: this.#amount, method: this.#method() });
      window.top.location.assign(window_);
      return new Promise(() => {}); // the browser leaves
    }

    async destroy() {
      this.#methods?.remove();
      this.#agreement?.remove();
      if (rendered === this.#methods) rendered = null;
      this.#methods = this.#agreement = null;
    }

    #method() {
      return this.#methods.querySelector("input:checked").value;
    }
  }

  window.TossPayments = (clientKey) => {
    if (!/^(test|live)_gck_/.test(clientKey)) refuse("INVALID_CLIENT_KEY", "위젯의 클라이언트 키가 아니에요.");
    return {
      widgets({ customerKey }) {
        if (!/^[\w\-=.@]{2,50}$/.test(customerKey)) refuse("INVALID_CUSTOMER_KEY", "customerKey를 확인해 주세요.");
        return new Widgets(clientKey);
      },
    };
  };
  window.TossPayments.ANONYMOUS = "ANONYMOUS";
})();
