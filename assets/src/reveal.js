// Fields that belong to one answer only are shown while it is chosen.
//
// Markup: <div data-show-if="caso=generar"> in the same form as the radios named
// "caso". Without this script all of it is shown, and the server takes what fits.
//
// GOV.UK Frontend's own radios are not used for this: they put aria-expanded on
// an input of type radio, where ARIA does not allow it.

export function revealByRadio(root = document) {
  for (const part of root.querySelectorAll('[data-show-if]')) {
    const form = part.closest('form');
    const [name, value] = part.dataset.showIf.split('=');
    if (!form || !value) {
      continue;
    }
    const look = () => {
      const chosen = [...form.elements].find((field) => field.name === name && field.checked);
      // Nothing chosen yet: show it rather than hide a question.
      part.hidden = Boolean(chosen) && chosen.value !== value;
    };
    form.addEventListener('change', (event) => {
      if (event.target.name === name) {
        look();
      }
    });
    // The browser may put back what was chosen after this ran.
    window.addEventListener('pageshow', look);
    look();
  }
}
