// Somebody complains, confirms it, and follows it; with the captcha that stands before it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Visit, named, openBrowser } from './support/browser.mjs';
import { startDemo } from './support/demo.mjs';

let browser, demo;
before(async () => {
  [browser, demo] = await Promise.all([openBrowser(), startDemo({ set: ['captcha_cost=1'] })]);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

test('a complaint, from a page that failed to its confirmation', async () => {
  const visit = await Visit.open(browser, demo);
  const { page } = visit;
  await visit.goto('/clave/desbloquear');
  await visit.leads(() => visit.main.getByRole('link', { name: 'Cuéntenos qué pasó' }).click());
  assert.equal(visit.path, '/quejas');
  assert.equal(await visit.field('Trámite').inputValue(), 'unlock');

  // Refused: everything typed is still there, and the captcha is another one.
  const text = '=1+1 <b>No me llegó</b>\n\nSegunda línea 👩‍🚒';
  await visit.set('Cuéntenos qué pasó', text);
  await visit.set('Correo electrónico', 'ana@correo');
  await visit.press('Enviar');
  await visit.refused(422);
  assert.equal(await visit.field('Cuéntenos qué pasó').inputValue(), text);
  assert.equal(await visit.field('Correo electrónico').inputValue(), 'ana@correo');
  await visit.main.getByRole('alert').getByRole('link').first().click();
  assert.ok(await visit.group('¿Qué quiere presentar?').getByRole('radio').first().evaluate((radio) => radio === document.activeElement));

  await page.keyboard.press('Space');
  await visit.set('Correo electrónico', 'ana.queja@correo.example');
  await visit.press('Enviar');
  assert.equal(visit.path, '/quejas/listo');
  const [number] = (await visit.main.innerText()).match(/Q-[2-9A-Z]{4}-[2-9A-Z]{4}/);
  const [code] = (await visit.main.innerText()).match(/[2-9A-Z]{5}-[2-9A-Z]{4}-[2-9A-Z]{4}/);
  await visit.goto('/quejas/listo');
  assert.equal(visit.response.status(), 404);

  await visit.leads(() => visit.main.getByRole('link', { name: 'Ver cómo va' }).click());
  await visit.set('Número', number);
  await visit.set('Código', 'AAAAA-AAAA-AAAA');
  await visit.press('Consultar');
  await visit.refused(422);
  await visit.set('Código', code.toLowerCase().replaceAll('-', ' '));
  await visit.press('Consultar');
  assert.match(await visit.main.innerText(), /Falta que la confirme/);

  const mail = await demo.nextMail('ana.queja@correo.example', 'Confirme lo que escribió a la institución');
  await visit.goto(mail.texto.match(/http\S+\/quejas\/confirmar\/\S+/)[0]);
  await visit.press('Confirmar');
  await visit.main.getByRole('heading', { name: named('Quedó confirmada') }).waitFor();
  await visit.close();
});

test('without scripts the page says where else to go, and the other forms work', async () => {
  const visit = await Visit.open(browser, demo, { javaScriptEnabled: false, inspect: 'none' });
  await visit.goto('/quejas');
  assert.match(await visit.main.innerText(), /Llame al/);
  await visit.set('Número', 'Q-2222-3333');
  await visit.set('Código', 'AAAAA-AAAA-AAAA');
  await visit.press('Consultar');
  await visit.refused(422);
  await visit.close();
});
