// The other two policies, end to end, for whom they were made.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Visit, openBrowser } from './support/browser.mjs';
import { startDemo } from './support/demo.mjs';
import { CLAVE, GENERATE, OTHER_CLAVE, RECOVER, begin, birthday, openLink, setClave } from './support/journey.mjs';
import { answerOwn, giveCode, proveDate, securityPage } from './support/policies.mjs';

// started gives a demo under a policy, and a browser, for the tests of a suite.
function started(policy) {
  const have = {};
  before(async () => {
    [have.browser, have.demo] = await Promise.all([openBrowser(), startDemo({ args: ['--policy', policy] })]);
  });
  after(async () => {
    await have.browser?.close();
    await have.demo?.stop();
  });
  have.visit = (options) => Visit.open(have.browser, have.demo, options);
  return have;
}

describe('guia', () => {
  const have = started('guia');

  for (const name of ['nueva', 'nueva-presencial']) {
    test(`${name}: generates a clave, then recovers it by the own question`, async () => {
      const { demo } = have;
      const person = demo.person(name);
      const address = person.presencial ? '' : demo.mailbox();
      const visit = await have.visit();
      await begin(visit, GENERATE, person);
      await proveDate(visit, person);
      const own = await securityPage(visit, { image: 'Colibrí', phone: '099 123 4567', address });
      await visit.press('Continuar');
      await visit.press('Aceptar');
      await openLink(visit, await demo.activation(address || person.correo));
      await setClave(visit, CLAVE);
      await demo.nextMail(address || person.correo);

      // The same browser: it is known, so the picture is shown.
      await begin(visit, RECOVER, person);
      await proveDate(visit, person);
      if (address) await visit.set('Correo electrónico', address);
      await visit.press('Continuar');
      await visit.press('Aceptar');
      await openLink(visit, await demo.activation(address || person.correo));
      await visit.main.getByRole('img', { name: 'Colibrí' }).waitFor();
      await answerOwn(visit, { ...own, answer: 'otra cosa' });
      await visit.refused(422);
      await answerOwn(visit, own);
      await setClave(visit, OTHER_CLAVE);
      await visit.close();
    });
  }

  test('con-clave: recovers in a browser that nobody knows, without any picture', async () => {
    const { demo } = have;
    const person = demo.person('con-clave');
    const [question, answer] = Object.entries(person.respuestas)[0];
    const visit = await have.visit();
    await begin(visit, RECOVER, person);
    await proveDate(visit, person);
    await visit.set('Correo electrónico', person.correo);
    await visit.press('Continuar');
    await visit.press('Aceptar');
    const mail = await demo.activation(person.correo);
    const elsewhere = await have.visit();
    await elsewhere.goto(mail.link);
    await elsewhere.set('Día', birthday(person).day);
    await elsewhere.set('Mes', birthday(person).month);
    await elsewhere.press('Continuar');
    assert.equal(await elsewhere.main.getByRole('img').count(), 0);
    await answerOwn(elsewhere, { question, answer });
    await setClave(elsewhere, CLAVE);
    await elsewhere.close();
    await visit.close();
  });

  test('what cannot be taken of picture, question and contact is said, each at its field', async () => {
    const { demo } = have;
    const visit = await have.visit();
    await begin(visit, GENERATE, demo.withoutClave());
    await proveDate(visit, { nacimiento: '1890-02-29' });
    assert.equal(visit.response.status(), 422);
    await visit.close();
    const other = await have.visit();
    const person = demo.withoutClave();
    await begin(other, GENERATE, person);
    await proveDate(other, person);
    await other.set('Teléfono', 'no tengo');
    await other.press('Continuar');
    await other.refused(422);
    assert.equal(await other.main.getByRole('alert').getByRole('link').count(), 5);
    assert.equal(await other.field('Teléfono').inputValue(), 'no tengo', 'nothing typed is lost');
    await other.close();
  });

  test('the link lives fifteen minutes', async () => {
    const { demo } = have;
    const person = demo.person('con-clave-presencial');
    const visit = await have.visit();
    await begin(visit, RECOVER, person);
    await proveDate(visit, person);
    await visit.press('Continuar');
    await visit.press('Aceptar');
    const mail = await demo.activation(person.correo);
    await demo.advance('14m');
    assert.equal((await visit.goto(mail.link)).status(), 200);
    await demo.advance('61s');
    assert.equal((await visit.goto(mail.link)).status(), 410);
    await visit.close();
  });
});

describe('reforzada', () => {
  const have = started('reforzada');

  test('nueva: generates a clave with the code of a counter, which works once', async () => {
    const { demo } = have;
    const person = demo.person('nueva');
    const address = demo.mailbox();
    const visit = await have.visit();
    await begin(visit, GENERATE, person);
    await giveCode(visit, person, 'AAAAA-AAAAA');
    await visit.refused(422);
    assert.equal(await visit.field('Código de activación').inputValue(), '', 'a secret is not shown again');
    await giveCode(visit, person, person.codigo_activacion.toLowerCase().replace('-', ' '));
    await visit.set('Correo electrónico', address);
    await visit.press('Continuar');
    await visit.press('Aceptar');
    await openLink(visit, await demo.activation(address));
    await setClave(visit, CLAVE);
    await begin(visit, GENERATE, person);
    await giveCode(visit, person, person.codigo_activacion);
    await visit.refused(422);
    await visit.close();
  });

  test('con-clave: recovers by the address confirmed earlier, which no page names', async () => {
    const { demo } = have;
    const person = demo.person('con-clave');
    const visit = await have.visit();
    await begin(visit, RECOVER, person);
    assert.equal(await visit.main.getByRole('textbox').count(), 1, 'nothing but the day is typed');
    await giveCode(visit, person);
    await visit.field('Código').waitFor();
    const text = await visit.main.innerText();
    assert.ok(!text.includes('•') && !text.includes(person.correo), 'the page shows an address');
    const mail = await demo.activation(person.correo);
    assert.ok(text.includes(mail.reference));
    await visit.set('Código', mail.code);
    await visit.press('Continuar');
    await setClave(visit, CLAVE);
    await visit.close();
  });

  test('nobody: the same page, and no mail', async () => {
    const { demo } = have;
    const person = { ...demo.person('con-clave-presencial'), numero: demo.nobodysNumber() };
    const known = demo.person('con-clave-presencial');
    const texts = [];
    for (const one of [person, known]) {
      const visit = await have.visit();
      await begin(visit, RECOVER, one);
      await giveCode(visit, one);
      await visit.set('Código', '000000');
      await visit.press('Continuar');
      await visit.refused(422);
      texts.push((await visit.main.innerText()).replace(/[A-Z0-9]{4}-[A-Z0-9]{4}|\d\d:\d\d/g, '·'));
      await visit.close();
    }
    assert.equal(texts[0], texts[1]);
  });

  test('nueva-presencial: without a code the mail goes to the address verified in person', async () => {
    const { demo } = have;
    const person = demo.person('nueva-presencial');
    const visit = await have.visit();
    await begin(visit, GENERATE, person);
    await giveCode(visit, person, '');
    const elsewhere = await have.visit();
    const mail = await demo.activation(person.correo);
    await elsewhere.goto(mail.link);
    await elsewhere.set('Día', birthday(person).day);
    await elsewhere.set('Mes', birthday(person).month);
    await elsewhere.press('Continuar');
    await elsewhere.goto(mail.link);
    assert.equal(await elsewhere.field('Día').count(), 0, 'this browser has told its birthday');
    await elsewhere.press('Continuar');
    await elsewhere.field('Nueva clave').fill('catorce letras');
    await elsewhere.field('Repita la nueva clave').fill('catorce letras');
    await elsewhere.press('Generar');
    await elsewhere.refused(422);
    await setClave(elsewhere, CLAVE);
    await visit.page.reload();
    await visit.field('Código').waitFor();
    await visit.close();
    await elsewhere.goto(mail.link);
    assert.equal(elsewhere.response.status(), 410);
    await elsewhere.close();
  });
});
