// The button that proposes a clave of Spanish words.
//
// Markup: <button type="button" hidden data-phrase-url="…" data-phrase-done="…"
// data-phrase-failed="…"> inside the form, and optionally a live region
// [data-phrase-status] there. The address answers a POST with {"phrase":"…"};
// the phrase goes into every new-password field of the form, which are then shown.

export function proposePhrases(root = document) {
  for (const button of root.querySelectorAll('[data-phrase-url]')) {
    // Without this script the button could do nothing, so it comes hidden.
    button.hidden = false;
    let asking = false;
    button.addEventListener('click', async () => {
      const form = button.closest('form');
      if (asking || !form) {
        return;
      }
      asking = true;
      const status = form.querySelector('[data-phrase-status]');
      let said = button.dataset.phraseFailed;
      try {
        const reply = await fetch(button.dataset.phraseUrl, {
          method: 'POST',
          headers: { Accept: 'application/json' },
          cache: 'no-store',
          redirect: 'error',
        });
        const { phrase } = reply.ok ? await reply.json() : {};
        if (typeof phrase === 'string' && phrase !== '') {
          for (const field of form.querySelectorAll('input[autocomplete="new-password"]')) {
            fill(field, phrase);
          }
          said = button.dataset.phraseDone;
        }
      } catch {
        // No network: said below.
      }
      if (status) {
        status.textContent = said || '';
      }
      asking = false;
    });
  }
}

function fill(field, phrase) {
  field.value = phrase;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  if (field.type === 'password') {
    const toggle = field
      .closest('.govuk-password-input')
      ?.querySelector('.govuk-js-password-input-toggle');
    // The toggle knows how to say that the field is readable now.
    if (toggle) {
      toggle.click();
    } else {
      field.type = 'text';
    }
  }
}
