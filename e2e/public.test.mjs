// The pages that anybody may read: each as every page must be, on a telephone, by
// keyboard, on paper.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Visit, named, openBrowser } from './support/browser.mjs';
import { startDemo } from './support/demo.mjs';

const SHEETS = ['generar-recuperar-clave', 'cambio-de-clave', 'desbloqueo-de-clave'];
const PAGES = [
  '/', '/ayuda', '/privacidad', '/accesibilidad', '/cookies', '/tramites',
  ...SHEETS.map((name) => `/tramites/${name}`), '/buscar?q=clave+bloqueada', '/buscar?q=xyzzy',
];

describe('public pages', () => {
  let browser;
  let demo;
  before(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  test('every page is inspected, sets no cookie, and is whole without scripts', async () => {
    const visit = await Visit.open(browser, demo);
    for (const path of PAGES) {
      const response = await visit.goto(path);
      assert.equal(response.status(), 200, path);
    }
    assert.deepEqual(await visit.context.cookies(), []);
    await visit.close();

    const plain = await Visit.open(browser, demo, { inspect: 'width', javaScriptEnabled: false, viewport: { width: 320, height: 640 } });
    for (const path of ['/', '/tramites/generar-recuperar-clave', '/buscar?q=correo']) {
      await plain.goto(path);
      assert.ok((await plain.main.innerText()).length > 200, path);
    }
    await plain.close();
  });

  test('from the door to the first field are two presses', async () => {
    const visit = await Visit.open(browser, demo, { inspect: 'none' });
    for (const [who, audience] of [['Afiliados', 'Afiliado'], ['Pensionistas', 'Pensionista'], ['Clave de empleador', 'Empleador']]) {
      await visit.goto('/');
      await visit.leads(() => visit.main.getByRole('link', { name: named(who) }).click());
      const first = visit.group('Soy').getByRole('radio', { name: named(audience) });
      assert.ok(await first.isChecked(), who);
    }
    await visit.close();
  });

  test('the search is reached and used by keyboard, and finds the sheet', async () => {
    const visit = await Visit.open(browser, demo, { inspect: 'none', viewport: { width: 320, height: 640 } });
    await visit.goto('/');
    const search = visit.page.getByRole('search');
    const field = search.getByRole('searchbox', { name: named('Buscar en este sitio') });
    for (let pressed = 0; !(await field.evaluate((element) => element === document.activeElement)); pressed++) {
      assert.ok(pressed < 15, 'the search is far from the top');
      await visit.page.keyboard.press('Tab');
    }
    await visit.page.keyboard.type('CONTRASEÑA bloqueada');
    await visit.leads(() => visit.page.keyboard.press('Enter'));
    assert.equal(await field.inputValue(), 'CONTRASEÑA bloqueada');
    assert.match(await visit.main.getByRole('status').innerText(), /resultados para/);
    await visit.leads(() => visit.main.getByRole('link', { name: named('Desbloqueo de clave') }).press('Enter'));
    assert.equal(visit.path, '/tramites/desbloqueo-de-clave');
    await visit.leads(() => visit.main.getByRole('link', { name: named('Empezar el trámite') }).press('Enter'));
    assert.equal(visit.path, '/clave/desbloquear');
    await visit.close();
  });

  test('a sheet is one page of A4, printed or as the file', async () => {
    const visit = await Visit.open(browser, demo, { inspect: 'none' });
    for (const name of SHEETS) {
      await visit.goto(`/tramites/${name}`);
      const printed = await visit.page.pdf({ preferCSSPageSize: true });
      assert.equal(pages(printed), 1, `${name}, printed`);
      const response = await fetch(`${demo.url}/tramites/${name}.pdf`);
      assert.equal(response.headers.get('content-type'), 'application/pdf');
      assert.equal(pages(Buffer.from(await response.arrayBuffer())), 1, `${name}.pdf`);
    }
    await visit.close();
  });

  test('what is said to programs', async () => {
    const visit = await Visit.open(browser, demo, { inspect: 'none' });
    await visit.goto('/tramites/cambio-de-clave');
    const data = JSON.parse(await visit.page.locator('script[type="application/ld+json"]').textContent());
    assert.equal(data['@type'], 'GovernmentService');
    assert.equal(data.url, `${demo.url}/tramites/cambio-de-clave`);
    const picture = await visit.page.locator('meta[property="og:image"]').getAttribute('content');
    const shown = await fetch(picture);
    assert.equal(shown.headers.get('content-type'), 'image/png');
    await visit.goto('/.well-known/change-password');
    assert.equal(visit.path, '/clave/cambiar');
    await visit.close();
  });
});

// pages counts the pages of a PDF.
function pages(file) {
  return (file.toString('latin1').match(/\/Type\s*\/Page(?![a-zA-Z])/g) || []).length;
}
