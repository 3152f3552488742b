// The script of every page. Each page is complete without it; what is here
// saves a citizen a step or tells them something in time.

import { Button } from 'govuk-frontend/dist/govuk/components/button/button.mjs';
import { ErrorSummary } from 'govuk-frontend/dist/govuk/components/error-summary/error-summary.mjs';
import { PasswordInput } from 'govuk-frontend/dist/govuk/components/password-input/password-input.mjs';
import { SkipLink } from 'govuk-frontend/dist/govuk/components/skip-link/skip-link.mjs';

import { warnBeforeEnd } from './deadline.js';
import { askBeforeAnotherLanguage } from './language.js';
import { proposePhrases } from './phrase.js';
import { watchMail } from './waiting.js';

// GOV.UK Frontend's styles and components wait for these classes.
document.body.classList.add('js-enabled', 'govuk-frontend-supported');

for (const Component of [Button, ErrorSummary, PasswordInput, SkipLink]) {
  for (const root of document.querySelectorAll(`[data-module="${Component.moduleName}"]`)) {
    try {
      new Component(root);
    } catch (error) {
      // One element that is not as the component wants it must not take the rest
      // of the page with it: everything works without scripts.
      console.error(error);
    }
  }
}

warnBeforeEnd();
askBeforeAnotherLanguage();
proposePhrases();
watchMail();
