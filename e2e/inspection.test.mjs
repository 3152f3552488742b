// The inspection of pages finds what it is for, in each colour scheme and width.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Visit, openBrowser } from './support/browser.mjs';

let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser?.close());

// looks inspects a page of its own and gives what was found, without its words.
async function looks(name, main, styles = '') {
  const visit = await Visit.open(browser, { url: 'http://127.0.0.1' }, { inspect: 'none' });
  await visit.page.setContent(`<!doctype html><html lang="es"><title>${name}</title>
    <style>:root { color-scheme: light dark } ${styles}</style><main><h1>${name}</h1>${main}</main></html>`);
  let found = [];
  try {
    await visit.inspect(200);
  } catch (error) {
    found = error.actual;
  }
  await visit.close();
  return found.map((problem) => /^axe, \w+: [\w-]+|^[^:]*/.exec(problem)[0]);
}

test('a sound page has no problem', async () => {
  assert.deepEqual(await looks('Sana', '<p>Texto</p>'), []);
});

for (const scheme of ['light', 'dark']) {
  test(`pale text is found where the colours are ${scheme}`, async () => {
    const styles = `@media (prefers-color-scheme: ${scheme}) { p { color: #777; background: #888 } }`;
    assert.deepEqual(await looks(`Pálida ${scheme}`, '<p>Texto</p>', styles), [`axe, ${scheme}: color-contrast`]);
  });
}

test('a field without a name, and one that is too wide, are found', async () => {
  assert.deepEqual(await looks('Ancha', '<input type="text" style="width: 600px">'),
    ['scrolls sideways at 320 px', 'letters apart', 'axe, light: label', 'axe, dark: label']);
});

test('what fits a phone only while its letters stand close is found', async () => {
  const styles = 'body { margin: 0 } p { font: 16px monospace; width: min-content; white-space: nowrap }';
  assert.deepEqual(await looks('Justa', `<p>${'a'.repeat(30)}</p>`, styles), ['letters apart']);
});
