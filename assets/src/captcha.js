// The captcha: the ALTCHA widget, set up for us, and the form around it.
//
// Markup, inside the form:
//
//   <altcha-widget challenge="{…}" data-worker="/…/altcha-worker.js"
//     data-label="No soy un robot" data-verifying="…" data-verified="…"
//     data-error="…" data-expired="…"></altcha-widget>
//
// The words come from the server, which has all of them in one place; those
// below stand in for one that is missing. The challenge is in the page: after
// the page itself nothing is fetched but the worker.

import 'altcha/external';

const WORDS = {
  label: 'No soy un robot',
  verifying: 'Verificando…',
  verified: 'Verificado',
  error: 'No se pudo verificar. Vuelva a intentarlo.',
  expired: 'La verificación venció. Vuelva a intentarlo.',
};

// A form that was sent is not sent again by a second press; after this time it
// may be, for whoever stopped the browser from loading.
const SENT_FOR = 60000;

const registry = globalThis.$altcha;
const first = document.querySelector('altcha-widget');
const words = Object.fromEntries(
  Object.entries(WORDS).map(([key, text]) => [key, first?.dataset[key] || text]),
);

// The widget mounts a moment after this script, so it finds all of this.
registry.i18n.set('es', {
  ...words,
  waitAlert: words.verifying,
  verificationRequired: words.label,
});
registry.defaults.set({
  language: 'es',
  type: 'native',
  hideFooter: true,
  hideLogo: true,
  // How a hand moves the mouse is nobody's business.
  humanInteractionSignature: false,
  minDuration: 0,
});
registry.algorithms.set('PBKDF2/SHA-256', () => new Worker(first.dataset.worker));

const sent = new Map();
const waiting = new Set();
const given = new Set();

for (const widget of document.querySelectorAll('altcha-widget')) {
  const form = widget.closest('form');
  if (form) {
    // The server says what is missing, in a summary; and the browser's own
    // check would stop the button while the widget still works.
    form.noValidate = true;
  }
  // The label changes without being read out; this is.
  const status = document.createElement('span');
  status.className = 'govuk-visually-hidden';
  status.setAttribute('role', 'status');
  widget.after(status);
  widget.addEventListener('statechange', ({ detail }) => {
    status.textContent = { verifying: words.verifying, verified: words.verified }[detail.state] || '';
  });
}

// Whoever presses the button without having ticked the box waits a second
// longer and need not press again.
document.addEventListener(
  'submit',
  (event) => {
    const form = event.target;
    const widget = form.querySelector('altcha-widget');
    if (!widget || typeof widget.getState !== 'function') {
      return;
    }
    const stop = () => {
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    if (Date.now() - (sent.get(form) ?? -Infinity) < SENT_FOR) {
      stop();
      return;
    }
    if (widget.getState() === 'verified' || given.has(form)) {
      given.delete(form);
      sent.set(form, Date.now());
      return;
    }
    stop();
    if (waiting.has(form)) {
      return;
    }
    waiting.add(form);
    widget.addEventListener('statechange', function settled({ detail }) {
      if (detail.state === 'verifying') {
        return;
      }
      widget.removeEventListener('statechange', settled);
      waiting.delete(form);
      if (detail.state === 'unverified') {
        return;
      }
      // Solved; or it cannot be, and then the server's answer says what else
      // there is and brings a new challenge.
      given.add(form);
      // Later, because a form cannot be sent while its submit event is still on
      // its way, and an early failure comes that soon.
      setTimeout(() => send(form, event.submitter));
    });
    if (widget.getState() !== 'verifying') {
      widget.verify();
    }
  },
  true,
);

function send(form, button) {
  if (form.requestSubmit) {
    form.requestSubmit(button);
  } else if (button) {
    button.click();
  } else {
    form.submit();
  }
}

// Back to a page that the browser kept: its solution was used.
window.addEventListener('pageshow', (event) => {
  if (event.persisted) {
    sent.clear();
    waiting.clear();
    given.clear();
  }
});
