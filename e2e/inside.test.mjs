// What is done inside a session, besides looking: the address, the questions, one's
// data, and the end of the web way.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';

import { Visit, openBrowser } from './support/browser.mjs';
import { linkNamed, startDemo } from './support/demo.mjs';
import { DOCUMENTS, NUMBER } from './support/journey.mjs';

async function logIn(visit, person) {
  await visit.goto('/ingresar');
  await visit.choose('Documento', DOCUMENTS[person.tipo]);
  await visit.set(NUMBER, person.numero);
  await visit.field('Clave').fill(person.clave);
  await visit.press('Ingresar');
}

const follow = (visit, name) => visit.leads(() => visit.main.getByRole('link', { name }).click());

describe('inside a session', () => {
  let browser, demo;
  before(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  test('con-clave-presencial: changes the address, renews the questions, gets the data, closes the web way', async () => {
    const person = demo.person('con-clave-presencial');
    const address = 'otra.direccion@correo.example';
    const visit = await Visit.open(browser, demo);
    await logIn(visit, person);

    await follow(visit, 'Cambiar mi correo');
    await visit.field('Nuevo correo electrónico').fill('nada');
    await visit.press('Cambiar mi correo');
    await visit.refused(422);
    await visit.field('Nuevo correo electrónico').fill(address);
    await visit.field('Clave actual').fill(person.clave);
    await visit.press('Cambiar mi correo');
    const mail = await demo.nextMail(person.correo, 'CÓDIGO PARA CAMBIAR SU CORREO');
    await visit.goto('/mi-cuenta/correo');
    await visit.field('Código').fill(/^Código: (\d{6})$/m.exec(mail.texto)[1]);
    await visit.press('Continuar');
    assert.match(await visit.main.innerText(), /Si nadie se opone/);
    await visit.goto('/mi-cuenta');
    await visit.main.getByRole('button', { name: 'Cancelar el cambio' }).waitFor();
    await demo.advance('24h1m');
    const link = await demo.nextMail(address, 'CONFIRME SU CORREO');
    const elsewhere = await Visit.open(browser, demo);
    await elsewhere.goto(linkNamed(link, 'CLIC PARA CONFIRMAR'));
    await elsewhere.press('Confirmar mi correo');
    assert.equal(elsewhere.response.status(), 200);
    await elsewhere.goto(linkNamed(link, 'CLIC PARA CONFIRMAR'));
    assert.equal(elsewhere.response.status(), 410);
    await elsewhere.close();

    await logIn(visit, person);
    assert.match(await visit.main.innerText(), /en lugar de uno registrado en persona/);
    await follow(visit, 'Renovar mis preguntas personales');
    const answers = visit.main.locator('input[name^="bank."]');
    for (const [i, text] of ['Laguna verde', 'Tamales de yuca', 'Barco de papel'].entries()) {
      await answers.nth(i).fill(text);
    }
    await visit.field('Clave actual').fill(person.clave);
    await visit.press('Guardar mis preguntas');
    assert.equal(visit.response.status(), 200);

    await visit.goto('/mi-cuenta/mis-datos');
    await visit.press('Enviar el pedido');
    await visit.refused(422);
    await visit.main.getByRole('radio', { name: 'Corregir un dato' }).check();
    await visit.field('Cuéntenos qué dato es y qué pide').fill('Mi segundo nombre.\nLleva tilde.');
    await visit.press('Enviar el pedido');
    assert.match(await visit.main.innerText(), /Último día para responderle/);
    await visit.field('Clave actual').fill(person.clave);
    const [file] = await Promise.all([visit.page.waitForEvent('download'), visit.main.getByRole('button', { name: 'Descargar mis datos' }).click()]);
    const data = JSON.parse(await readFile(await file.path(), 'utf8'));
    assert.equal(data.registro.numero, person.numero);
    assert.equal(data.correos[0].direccion, address);
    assert.equal(data.solicitudes[0].texto, 'Mi segundo nombre.\nLleva tilde.');

    await visit.goto('/mi-cuenta/cerrar-via-web');
    await visit.press('Cerrar la vía web');
    await visit.refused(422);
    await visit.field('Entiendo que solo en un Centro de Atención Universal se vuelve a abrir').check();
    await visit.field('Clave actual').fill(person.clave);
    await visit.press('Cerrar la vía web');
    assert.equal(visit.response.status(), 200);
    await logIn(visit, person);
    await visit.refused(422);
    await visit.close();
  });

  test('con-clave: level 1 is told why, and where to go', async () => {
    const person = demo.withClave();
    const visit = await Visit.open(browser, demo);
    await logIn(visit, person);
    assert.equal(await visit.main.getByRole('link', { name: 'Cambiar mi correo' }).count(), 0);
    await visit.goto('/mi-cuenta/correo');
    assert.equal(visit.response.status(), 403);
    assert.match(await visit.main.innerText(), /Centro de Atención Universal/);
    await visit.close();
  });
});
