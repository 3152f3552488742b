// The pages that anybody may open: each as every page must be, in each language, on a
// telephone, magnified, by keyboard, on paper, and without scripts.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { DESK, PHONE, Visit, named, openBrowser } from './support/browser.mjs';
import { startDemo } from './support/demo.mjs';
import { byKeyboard, magnified, onPaper } from './support/looks.mjs';

const SHEETS = ['generar-recuperar-clave', 'cambio-de-clave', 'desbloqueo-de-clave'];
// Those that begin something, with a form that is refused when it is empty.
const FORMS = ['/clave/generar-recuperar', '/clave/cambiar', '/clave/desbloquear', '/ingresar', '/quejas'];
const LOCALES = { es: 'es-EC', en: 'en-GB' };
const SEARCHED = { es: 'clave+bloqueada', en: 'locked+password' };

// pagesIn lists every page with the status of its answer.
function pagesIn(language) {
  const found = [
    '/', '/ayuda', '/privacidad', '/accesibilidad', '/cookies', '/tramites', ...SHEETS.map((name) => `/tramites/${name}`),
    `/buscar?q=${SEARCHED[language]}`, '/buscar?q=xyzzy', '/transparencia', ...FORMS, '/clave/desbloquear/correo', '/salir',
    '/demo/personas', '/demo/correo',
  ];
  return [...found.map((path) => [path, 200]), ['/no-existe', 404], ['/quejas/listo', 404], ['/clave/enlace', 410]];
}

// said gives what a page says, part by part, without what a script adds or a browser
// without scripts is told instead.
function said(visit) {
  return visit.page.evaluate(() => [...document.querySelectorAll('main :is(h1, h2, h3, p, li, dt, dd, th, td, legend, label)')]
    .filter((element) => element.checkVisibility() && !element.closest('noscript'))
    .map((element) => element.textContent.replace(/\s+/g, ' ').trim()));
}

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

  for (const [language, locale] of Object.entries(LOCALES)) {
    test(`every page in ${language}: inspected, magnified, on paper, by keyboard, whole without scripts, and no cookie`, async () => {
      const visit = await Visit.open(browser, demo, { locale });
      const plain = await Visit.open(browser, demo, { locale, inspect: 'width', javaScriptEnabled: false, viewport: PHONE });
      const problems = [];
      for (const [path, status] of pagesIn(language)) {
        assert.equal((await visit.goto(path)).status(), status, path);
        const texts = await said(visit);
        for (const look of [magnified, onPaper, byKeyboard]) {
          problems.push(...(await look(visit.page)).map((problem) => `${path}: ${problem}`));
        }
        assert.equal((await plain.goto(path)).status(), status, path);
        const without = new Set(await said(plain));
        problems.push(...texts.filter((text) => !without.has(text)).map((text) => `${path} without scripts lacks: ${text}`));
      }
      assert.deepEqual(problems, []);
      assert.deepEqual([...await visit.context.cookies(), ...await plain.context.cookies()], []);
      await Promise.all([visit.close(), plain.close()]);
    });

    test(`every first form in ${language} says what is wrong with it`, async () => {
      const visit = await Visit.open(browser, demo, { locale });
      for (const path of FORMS) {
        await visit.goto(path);
        await visit.leads(() => visit.main.locator('form[method=post] button[type=submit]').first().click());
        assert.equal(visit.response.status(), 422, path);
        const problems = [...await magnified(visit.page), ...await byKeyboard(visit.page)];
        assert.deepEqual(problems, [], `${path}, refused`);
      }
      await visit.close();
    });
  }

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

  test('the search is reached and used by keyboard, on a telephone by a link to its page, and finds the sheet', async () => {
    const visit = await Visit.open(browser, demo, { inspect: 'none', viewport: { width: 320, height: 640 } });
    await visit.goto('/');
    const reach = async (control) => {
      for (let pressed = 0; !(await control.evaluate((element) => element === document.activeElement)); pressed++) {
        assert.ok(pressed < 15, 'the search is far from the top');
        await visit.page.keyboard.press('Tab');
      }
    };
    const link = visit.page.getByRole('banner').getByRole('link', { name: named('Buscar') });
    const field = visit.page.getByRole('search').getByRole('searchbox', { name: named('Buscar en este sitio') });
    await visit.page.setViewportSize(DESK);
    await reach(field);
    assert.ok(!(await link.isVisible()), 'beside the form there is no link to it');
    await visit.page.setViewportSize(PHONE);
    await visit.goto('/');
    assert.ok(!(await field.isVisible()), 'the form takes room on a telephone');
    await reach(link);
    await visit.leads(() => visit.page.keyboard.press('Enter'));
    assert.equal(visit.path, '/buscar');
    await reach(field);
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

  test('on a telephone the head leaves room for the page', async () => {
    for (const [language, locale] of Object.entries(LOCALES)) {
      const visit = await Visit.open(browser, demo, { inspect: 'none', locale, viewport: PHONE });
      for (const path of ['/', '/clave/generar-recuperar']) {
        await visit.goto(path);
        const height = await visit.page.getByRole('banner').evaluate((head) => head.offsetHeight);
        assert.ok(height <= 190, `${path} in ${language}: the head has ${height} px`);
      }
      await visit.close();
    }
  });

  test('a sheet is one page of A4, printed or as the file, in each language', async () => {
    for (const [language, locale] of Object.entries(LOCALES)) {
      const visit = await Visit.open(browser, demo, { inspect: 'none', locale });
      for (const name of SHEETS) {
        await visit.goto(`/tramites/${name}`);
        const printed = await visit.page.pdf({ preferCSSPageSize: true });
        assert.equal(pages(printed), 1, `${name}, printed in ${language}`);
        const response = await visit.context.request.get(`/tramites/${name}.pdf`, { headers: { 'Accept-Language': locale } });
        assert.equal(response.headers()['content-type'], 'application/pdf');
        const file = await response.body();
        assert.equal(pages(file), 1, `${name}.pdf in ${language}`);
        assert.ok(file.includes(utf16(locale)), `${name}.pdf does not say that it is in ${locale}`);
      }
      await visit.close();
    }
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

// utf16 writes a text as a PDF does beside its pages.
function utf16(text) {
  return `<feff${Buffer.from(text, 'utf16le').swap16().toString('hex')}>`;
}

// pages counts the pages of a PDF.
function pages(file) {
  return (file.toString('latin1').match(/\/Type\s*\/Page(?![a-zA-Z])/g) || []).length;
}
