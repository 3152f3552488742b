// What the standard asks of a page and html-validate does not look at.

import { Rule, definePlugin } from 'html-validate';

const words = (text) => text.trim().split(/\s+/);

// Those of every element, and role; aria-* and data-* besides. Without the
// handlers (onclick): the pages' policy lets none run.
const GLOBAL = words(`
  accesskey autocapitalize autocorrect autofocus class contenteditable dir draggable enterkeyhint hidden id inert inputmode is itemid itemprop
  itemref itemscope itemtype lang nonce popover role slot spellcheck style tabindex title translate writingsuggestions`);

const SENDING = 'formaction formenctype formmethod formnovalidate formtarget';

// The index of the standard, https://html.spec.whatwg.org/multipage/indices.html,
// of the elements that a page of forms may have: for another, add its line.
// property is RDFa's, by which other sites read what a page is about.
const OF_ELEMENT = Object.fromEntries(Object.entries({
  a: 'download href hreflang ping referrerpolicy rel target type',
  blockquote: 'cite',
  button: `command commandfor disabled form ${SENDING} name popovertarget popovertargetaction type value`,
  col: 'span',
  colgroup: 'span',
  data: 'value',
  del: 'cite datetime',
  details: 'name open',
  dialog: 'closedby open',
  fieldset: 'disabled form name',
  form: 'accept-charset action autocomplete enctype method name novalidate rel target',
  iframe: 'allow allowfullscreen height loading name referrerpolicy sandbox src srcdoc width',
  img: 'alt crossorigin decoding fetchpriority height ismap loading referrerpolicy sizes src srcset usemap width',
  input: `accept alpha alt autocomplete checked colorspace dirname disabled form ${SENDING} height list max maxlength min minlength multiple name pattern
    placeholder popovertarget popovertargetaction readonly required size src step type value width`,
  ins: 'cite datetime',
  label: 'for',
  li: 'value',
  link: 'as blocking color crossorigin disabled fetchpriority href hreflang imagesizes imagesrcset integrity media referrerpolicy rel sizes type',
  meta: 'charset content http-equiv media name property',
  meter: 'high low max min optimum value',
  ol: 'reversed start type',
  optgroup: 'disabled label',
  option: 'disabled label selected value',
  output: 'for form name',
  progress: 'max value',
  q: 'cite',
  script: 'async blocking crossorigin defer fetchpriority integrity nomodule referrerpolicy src type',
  select: 'autocomplete disabled form multiple name required size',
  source: 'height media sizes src srcset type width',
  style: 'blocking media',
  td: 'colspan headers rowspan',
  textarea: 'autocomplete cols dirname disabled form maxlength minlength name placeholder readonly required rows wrap',
  th: 'abbr colspan headers rowspan scope',
  time: 'datetime',
}).map(([element, attributes]) => [element, words(attributes)]));

// Where only elements may stand.
const WITHOUT_TEXT = 'html, head, ul, ol, menu, dl, table, thead, tbody, tfoot, tr, colgroup, select, optgroup';

// elements gives those of HTML itself: not of a drawing, nor of a script's making.
function elements(document) {
  return document.querySelectorAll('*').filter((element) => !element.tagName.includes('-') && !element.closest('svg'));
}

// KnownAttribute refuses an attribute that the element does not have. The option
// of gives more of them by element.
class KnownAttribute extends Rule {
  constructor(options) {
    super({ of: {}, ...options });
  }

  setup() {
    this.on('dom:ready', ({ document }) => {
      for (const element of elements(document)) {
        const { tagName } = element;
        const known = new Set([...GLOBAL, ...(OF_ELEMENT[tagName] ?? []), ...(this.options.of[tagName] ?? [])]);
        for (const { key, keyLocation } of element.attributes) {
          if (!known.has(key) && !/^(aria|data)-/.test(key)) {
            this.report(element, `<${tagName}> has no attribute "${key}"`, keyLocation);
          }
        }
      }
    });
  }
}

class MisplacedText extends Rule {
  setup() {
    this.on('dom:ready', ({ document }) => {
      for (const element of document.querySelectorAll(WITHOUT_TEXT)) {
        const text = element.childNodes.find((child) => child.nodeName === '#text' && child.textContent.trim() !== '');
        if (text) {
          this.report(element, `Text directly inside <${element.tagName}>: "${text.textContent.trim()}"`, text.location);
        }
      }
    });
  }
}

class DateValue extends Rule {
  setup() {
    this.on('dom:ready', ({ document }) => {
      for (const input of document.querySelectorAll('input[type="date"]')) {
        const value = input.getAttributeValue('value') ?? '';
        if (value !== '' && (!/^\d{4,}-\d{2}-\d{2}$/.test(value) || Number.isNaN(Date.parse(value)))) {
          this.report(input, `"${value}" is no value of a date`);
        }
      }
    });
  }
}

export const rules = definePlugin({
  name: 'aldaba',
  rules: { 'aldaba/known-attribute': KnownAttribute, 'aldaba/misplaced-text': MisplacedText, 'aldaba/date-value': DateValue },
});
