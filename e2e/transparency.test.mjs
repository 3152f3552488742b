// The public figures, as somebody reads them who is no program.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Visit, openBrowser } from './support/browser.mjs';
import { startDemo } from './support/demo.mjs';

let browser, demo;
before(async () => {
  [browser, demo] = await Promise.all([openBrowser(), startDemo()]);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

test('the figures are found from the door, add up, and are drawn for everybody', async () => {
  const visit = await Visit.open(browser, demo, { inspect: 'none' });
  const { page } = visit;
  await visit.goto('/');
  await visit.leads(() => page.getByRole('contentinfo').getByRole('link', { name: 'Transparencia' }).click());
  await visit.inspect();
  const rows = await visit.main.locator('table').first().locator('tbody tr').allInnerTexts();
  assert.equal(rows.length, 28);
  const number = (text) => Number(text.trim().split(/\s+/).at(-1).replaceAll('.', ''));
  assert.equal(rows.reduce((sum, row) => sum + number(row), 0), 1_478_647);
  assert.equal(number(await visit.main.locator('tfoot tr').first().innerText()), 1_478_647);
  assert.match(rows[0], /abril de 2026/);

  const chart = visit.main.getByRole('img', { name: /Atenciones por mes, de enero de 2024 a abril de 2026.*agosto de 2025/ });
  assert.equal(await chart.locator('rect').count(), 28);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const [bar, ground] = await chart.evaluate((svg) => [
      getComputedStyle(svg.querySelector('rect')).fill, getComputedStyle(document.body).backgroundColor,
    ]);
    assert.notEqual(bar, ground, `${colorScheme}: the bars are not to be seen`);
  }

  for (const [file, wanted] of [['CSV', /^anio,mes,quejas,atenciones,estado\n2024,1,0,43651,anterior\n/], ['JSON', /"atenciones": 1478647/]]) {
    const href = await visit.main.getByRole('link', { name: new RegExp(`${file}\\)$`) }).first().getAttribute('href');
    assert.match(await (await page.request.get(href)).text(), wanted);
  }
  await visit.close();
});
