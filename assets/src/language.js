// A question before the page is left for its other language, where that would lose
// what was typed.
//
// Markup: <nav data-loses="…"> around the links; data-answer where the page is the
// answer to a form, which holds what was typed before.

export function askBeforeAnotherLanguage(root = document) {
  for (const links of root.querySelectorAll('[data-loses]')) {
    links.addEventListener('click', (event) => {
      const loses = 'answer' in links.dataset || [...root.querySelectorAll('main :is(input, select, textarea)')].some(changed);
      if (event.target.closest('a') && loses && !confirm(links.dataset.loses)) {
        event.preventDefault();
      }
    });
  }
}

function changed(field) {
  if (field.type === 'hidden') {
    return false;
  }
  if (field.type === 'checkbox' || field.type === 'radio') {
    return field.checked !== field.defaultChecked;
  }
  if (field.options) {
    return [...field.options].some((option) => option.selected && !option.defaultSelected && field.selectedIndex > 0);
  }
  return field.value !== field.defaultValue;
}
