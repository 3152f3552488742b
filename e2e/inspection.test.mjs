// The inspection of pages finds what it is for, in each colour scheme and width.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Visit, openBrowser } from './support/browser.mjs';
import { byKeyboard, magnified, onPaper } from './support/looks.mjs';

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
    ['scrolls sideways at 320 px', 'letters apart', 'axe, light: label']);
});

test('what fits a phone only while its letters stand close is found', async () => {
  const styles = 'body { margin: 0 } p { font: 16px monospace; width: min-content; white-space: nowrap }';
  assert.deepEqual(await looks('Justa', `<p>${'a'.repeat(30)}</p>`, styles), ['letters apart']);
});

test('what a page must bear besides is found missing', async () => {
  const visit = await Visit.open(browser, { url: 'http://127.0.0.1' }, { inspect: 'none' });
  // found gives what one of the looks says of a page, without its words.
  const found = async (look, main, styles = '') => {
    await visit.page.setContent(`<!doctype html><html lang="es"><title>Página</title>
      <style>a:focus { outline: 2px solid blue } ${styles}</style>
      <a href="#main">Saltar</a><a href="#n">N</a><main id="main"><h1>Página</h1>${main}<a href="#a">A</a><p><a href="#b">B</a></p></main></html>`);
    return [...new Set((await look(visit.page)).map((problem) => problem.replace(/(?<=sideways|cut off|on|printed|paper|focus|it|leaves|leads to|reaches)(:| at| <| undefined).*/s, '')))];
  };
  for (const look of [magnified, onPaper, byKeyboard]) {
    assert.deepEqual(await found(look, '<p>Texto</p>'), [], look.name);
  }
  assert.deepEqual(await found(magnified, '<div style="width: 700px">Texto</div>'), ['at 200 %: scrolls sideways']);
  assert.deepEqual(await found(magnified, '<div style="height: 25px; overflow: hidden">Texto</div>'), ['letters at 200 %: cut off']);
  assert.deepEqual(await found(onPaper, '<p class="p">Texto</p>', '@media print { .p { display: none } }'), ['not printed']);
  assert.deepEqual(await found(onPaper, '<p style="color: white; background: black">Texto</p>'), ['too pale for paper']);
  assert.deepEqual(await found(byKeyboard, '<a href="#c" style="outline: none">C</a>'), ['the focus cannot be seen on']);
  assert.deepEqual(await found(byKeyboard, '', 'main { display: flex; flex-direction: column-reverse }'),
    ['above what comes before it']);
  assert.deepEqual(await found(byKeyboard, '<a href="#c" tabindex="1">C</a>'), ['Tab reaches']);
  assert.deepEqual(await found(byKeyboard, '<script>document.links[0].onclick = () => false</script>'), ['past the head Tab leads to']);
  for (const [where, problem] of [['A', 'Tab reaches'], ['B', 'Tab never leaves']]) {
    const trap = `onkeydown = (event) => { if (event.key === 'Tab' && event.target.text === '${where}') event.preventDefault(); }`;
    assert.deepEqual(await found(byKeyboard, `<script>${trap}</script>`), [problem]);
  }
  await visit.close();
});
