// The button that proposes a clave of Spanish words.
//
// Markup: <button type="button" hidden data-phrase-url="…" data-phrase-done="…"
// data-phrase-failed="…"> inside the form, and optionally a live region
// [data-phrase-status] and an <output hidden data-phrase-text> there. The address
// answers a POST with {"phrase":"…"}; the phrase goes into every new-password
// field of the form, which are then shown, and whole into the output: a field on
// a phone is too narrow for it.

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
          const whole = form.querySelector('[data-phrase-text]');
          if (whole) {
            whole.textContent = phrase;
            whole.hidden = false;
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
  forgetRefusal(field);
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

// forgetRefusal takes away what was said of an earlier content of the field.
function forgetRefusal(field) {
  const error = document.getElementById(`${field.id}-error`);
  if (!error) {
    return;
  }
  const described = (field.getAttribute('aria-describedby') || '').split(' ').filter((id) => id !== error.id);
  if (described.length > 0) {
    field.setAttribute('aria-describedby', described.join(' '));
  } else {
    field.removeAttribute('aria-describedby');
  }
  field.removeAttribute('aria-invalid');
  field.classList.remove('govuk-input--error');
  field.closest('.govuk-form-group--error')?.classList.remove('govuk-form-group--error');
  error.remove();

  const link = document.querySelector(`.govuk-error-summary a[href="#${field.id}"]`);
  const summary = link?.closest('.govuk-error-summary');
  link?.closest('li').remove();
  if (summary && !summary.querySelector('li')) {
    summary.remove();
  }
}
