// The validator finds what it is for, in pages and in mails, and its command says
// where and fails.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { faultsOf } from './support/validator.mjs';

function documentOf(main, head = '') {
  return `<!DOCTYPE html>
<html lang="es-EC">
<head>
  <meta charset="utf-8">
  <title>Prueba</title>
  ${head}
</head>
<body>
  <main id="contenido">
    ${main}
  </main>
</body>
</html>
`;
}

const DRAWING = '<svg viewBox="0 0 9 9"><rect x="1" width="2" height="2"/></svg>';
const FIELD = '<label for="numero">Número</label><input id="numero" name="numero" type="text"><button type="submit">Buscar</button>';

test('sound documents have no fault', async () => {
  const summary = '<h2>Hay un problema</h2><p><a href="#numero">Falta</a></p><h1>Prueba</h1>';
  const page = documentOf(`${summary}<form method="post" action="/x" data-what="x">${FIELD}</form>${DRAWING}<x-widget what="x"></x-widget>`, '<link rel="stylesheet" href="/static/x.css">');
  assert.deepEqual(await faultsOf(page), []);
  const mail = documentOf('<h1>Prueba</h1><table role="presentation" width="100%" cellpadding="0"><tr><td align="center">Hola</td></tr></table>');
  assert.deepEqual(await faultsOf(mail, { isMail: true }), []);
});

for (const [what, main, rule, head] of [
  ['a list item outside a list', '<div><li>Uno</li></div>', 'element-permitted-parent'],
  ['a block inside a paragraph', '<p><div>Uno</div></p>', 'close-order'],
  ['a link inside a link', '<a href="/a">Uno <a href="/b">dos</a></a>', 'element-permitted-content'],
  ['a block beside the items of a list', '<ul><div>Uno</div><li>dos</li></ul>', 'element-permitted-content'],
  ['an id that stands twice', '<p id="a">Uno</p><p id="a">Dos</p>', 'no-dup-id'],
  ['a label of no field', '<label for="otro">Uno</label>', 'no-missing-references'],
  ['a description that is not there', '<p aria-describedby="otro">Uno</p>', 'no-missing-references'],
  ['a field without a label', '<input name="a" type="text">', 'input-missing-label'],
  ['an element that is no more', '<center>Uno</center>', 'deprecated'],
  ['an attribute that is no more', '<p align="center">Uno</p>', 'no-deprecated-attr'],
  ['an element that nobody knows', '<parrafo>Uno</parrafo>', 'element-name'],
  ['an attribute without its value', '<form action=""></form>', 'attribute-allowed-values'],
  ['a type that there is not', `<label for="a">Uno</label><input id="a" type="fecha">`, 'attribute-allowed-values'],
  ['an image without its words', '<img src="/a.png">', 'wcag/h37'],
  ['an element that is never closed', '<div>Uno', 'close-order'],
  ['an item that closes by itself', '<ul><li>Uno<li>Dos</ul>', 'no-implicit-close'],
  ['a character that nobody knows', '<p>&nada;</p>', 'unrecognized-char-ref'],
  ['an attribute that nobody knows', '<p alineado="si">Uno</p>', 'aldaba/known-attribute'],
  ['an attribute of another element', '<p href="/a">Uno</p>', 'aldaba/known-attribute'],
  ['text beside the items of a list', '<ul>Uno<li>dos</li></ul>', 'aldaba/misplaced-text'],
  ['a day that is none', '<label for="a">Uno</label><input id="a" type="date" value="ayer">', 'aldaba/date-value'],
  ['a day that no month has', '<label for="a">Uno</label><input id="a" type="date" value="2026-13-01">', 'aldaba/date-value'],
  ['a style of another origin that may change', '', 'require-sri', '<link rel="stylesheet" href="https://otro.example/x.css">'],
]) {
  test(`${what} is found`, async () => {
    const found = await faultsOf(documentOf(`<h1>Prueba</h1>${main}`, head));
    assert.ok(found.some((fault) => fault.rule === rule), JSON.stringify(found));
  });
}

test('a document that does not say what it is, is found', async () => {
  const found = await faultsOf(documentOf('<h1>Prueba</h1>').replace(/^.*\n/, ''));
  assert.deepEqual(found.map(({ rule, line }) => [rule, line]), [['missing-doctype', 1]]);
});

test('of mails only the measures of tables pass', async () => {
  const found = await faultsOf(documentOf('<h1>Prueba</h1><table><tr><td align="center" bgcolor="#fff">Hola</td></tr></table><font>Hola</font>'), { isMail: true });
  assert.deepEqual(found.map(({ rule }) => rule).sort(), ['aldaba/known-attribute', 'deprecated']);
});

// validate runs the command and gives how it ended and what it said.
function validate(...folders) {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, 'validate.mjs'), ...folders], (error, said, complained) => {
      resolve({ code: error ? error.code : 0, said, complained });
    });
  });
}

test('the command says each fault once, where it is, and fails', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aldaba-html-'));
  try {
    const [pages, mails, none] = ['pages', 'mails', 'none'].map((name) => join(folder, name));
    await Promise.all([mkdir(join(pages, 'en'), { recursive: true }), mkdir(mails), mkdir(none)]);
    await Promise.all([
      writeFile(join(pages, 'a.html'), documentOf('<h1>Prueba</h1>')),
      writeFile(join(mails, 'a.html.golden'), documentOf('<h1>Prueba</h1>')),
      writeFile(join(mails, 'a.txt.golden'), 'Hola'),
    ]);
    assert.deepEqual(await validate(pages, mails), { code: 0, said: 'valid: 2 documents\n', complained: '' });

    const bad = documentOf('<h1>Prueba</h1><p><a id="x">Uno</a><b id="x">dos</b></p>');
    await Promise.all([writeFile(join(pages, 'b.html'), bad), writeFile(join(pages, 'en', 'b.html'), bad)]);
    const { code, said, complained } = await validate(pages, mails);
    assert.equal(code, 1);
    assert.equal(said, '');
    const lines = complained.trim().split('\n');
    assert.match(lines[0], /pages\/b\.html:10:\d+: no-dup-id: Duplicate ID "x"$/);
    assert.deepEqual(lines.slice(1), ['    <h1>Prueba</h1><p><a id="x">Uno</a><b id="x">dos</b></p>', '    and in 1 more']);

    const empty = await validate(mails, none);
    assert.equal(empty.code, 1);
    assert.match(empty.complained, /none has neither pages nor mails/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
