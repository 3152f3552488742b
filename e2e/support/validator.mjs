// What HTML asks of a page, held against its text as it is sent: a browser has
// mended a document before it shows one.

import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { HtmlValidate, StaticConfigLoader } from 'html-validate';

import { rules } from './rules.mjs';

// The standard, accessible names and roles, and what only a whole document can be
// held to. Every rule that is changed says why.
const PAGE = {
  root: true,
  plugins: [rules],
  extends: ['html-validate:standard', 'html-validate:a11y', 'html-validate:document'],
  rules: {
    // Our own: see rules.mjs.
    'aldaba/date-value': 'error',
    'aldaba/known-attribute': 'error',
    'aldaba/misplaced-text': 'error',
    // Not of those three sets, and faults all the same.
    'autocomplete-password': 'error',
    'form-dup-name': ['error', { shared: ['radio', 'button', 'submit'] }],
    'input-attributes': 'error',
    'no-implicit-close': 'error',
    'script-type': 'error',
    // The summary of problems, with its second heading, stands above the first
    // one: what went wrong is read before the page is read again. That there is
    // just one first heading, page_test.go looks after.
    'heading-level': ['error', { minInitialRank: 'h2' }],
    // Everything comes from the page's own origin, under the hash of its content,
    // and the page's policy allows no other.
    'require-sri': ['error', { target: 'crossorigin' }],
  },
};

// Mail is laid out by tables, and Outlook heeds their measures as attributes only:
// of those that are no more it has these, and no other.
const MAIL = {
  ...PAGE,
  rules: {
    ...PAGE.rules,
    'no-deprecated-attr': 'off',
    'aldaba/known-attribute': ['error', { of: { table: ['border', 'cellpadding', 'cellspacing', 'width'], td: ['align'] } }],
  },
};

const page = new HtmlValidate(new StaticConfigLoader(PAGE));
const mail = new HtmlValidate(new StaticConfigLoader(MAIL));

// faultsOf gives what is wrong in one document: the rule, what it says, the line,
// the column, and the text of that line.
export async function faultsOf(text, { isMail = false } = {}) {
  const { results } = await (isMail ? mail : page).validateString(text);
  const lines = text.split('\n');
  return results.flatMap(({ messages }) => messages.map(({ ruleId, message, line, column }) => (
    { rule: ruleId, message, line, column, text: lines[line - 1].trim() })));
}

// documentsIn lists the documents of a folder and of those inside it: pages end in
// .html, mails in .html.golden.
export async function documentsIn(folder) {
  const names = await readdir(folder, { recursive: true });
  return names.sort().flatMap((name) => {
    const isMail = name.endsWith('.html.golden');
    return isMail || name.endsWith('.html') ? [{ file: join(folder, name), isMail }] : [];
  });
}

// faultsIn validates documents and gives each fault once, with where it stands
// first and in how many of the documents it stands: one line of a partial is in
// hundreds.
export async function faultsIn(documents) {
  const found = new Map();
  for (const { file, isMail } of documents) {
    const seen = new Set();
    for (const fault of await faultsOf(await readFile(file, 'utf8'), { isMail })) {
      const key = [fault.rule, fault.message, fault.text].join('\n');
      if (!found.has(key)) {
        found.set(key, { ...fault, file, documents: 0 });
      }
      if (!seen.has(key)) {
        found.get(key).documents += 1;
      }
      seen.add(key);
    }
  }
  return [...found.values()];
}
