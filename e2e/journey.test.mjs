// Generate and recover, end to end, for everybody who can.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Visit, openBrowser } from './support/browser.mjs';
import { startDemo } from './support/demo.mjs';
import {
  CLAVE, DECLARATION, FIRST_PAGE, GENERATE, NUMBER, OTHER_CLAVE, RECOVER,
  answerBank, begin, birthday, fillProof, finish, generate, giveAddress, openLink, prove, recover, setClave, untilMail,
} from './support/journey.mjs';

describe('generate and recover', () => {
  let browser, demo;
  before(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo({ hashes: 'policy' })]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  for (const name of ['nueva', 'nueva-presencial', 'extranjera', 'pensionista', 'derechohabiente', 'empleador']) {
    test(`${name}: generates a clave, then recovers it`, async () => {
      const person = demo.person(name);
      const visit = await Visit.open(browser, demo);
      const first = await generate(visit, person, { clave: CLAVE });
      const told = await demo.nextMail(first.address || person.correo);
      assert.notEqual(told.asunto, 'ACTIVACIÓN CLAVE');
      await visit.close();

      const later = await Visit.open(browser, demo);
      await recover(later, person, { ...first, clave: OTHER_CLAVE });
      const toldAgain = await demo.nextMail(first.address || person.correo);
      assert.notEqual(toldAgain.asunto, 'ACTIVACIÓN CLAVE');
      await later.close();
    });
  }

  test('con-clave: recovers with the address on record, without any hold', async () => {
    const person = demo.person('con-clave');
    const visit = await Visit.open(browser, demo);
    await recover(visit, person, { address: person.correo, answers: person.respuestas });
    await visit.close();
  });

  test('con-clave-presencial: recovers with a fixed address', async () => {
    const person = demo.person('con-clave-presencial');
    const visit = await Visit.open(browser, demo);
    await recover(visit, person, { address: '', answers: person.respuestas });
    await visit.close();
  });

  test('con-clave: generate is the wrong case, and the verdict does not say so', async () => {
    const person = demo.person('con-clave');
    const visit = await Visit.open(browser, demo);
    await begin(visit, GENERATE, person);
    await prove(visit, person);
    await visit.refused(422);
    assert.match(await visit.main.innerText(), /Los datos no coinciden/);
    await visit.close();
  });

  test('the review hides the answers until «Mostrar»', async () => {
    const person = demo.withClave();
    const visit = await Visit.open(browser, demo);
    await begin(visit, RECOVER, person);
    const asked = await fillProof(visit, { ...birthday(person), answers: person.respuestas });
    await visit.press('Continuar');
    const answer = visit.main.getByText(person.respuestas[asked[0].text]);
    assert.equal(await answer.isVisible(), false);
    await visit.main.getByText('Mostrar', { exact: true }).first().click();
    await answer.waitFor({ state: 'visible' });
    await visit.close();
  });

  test('browsers and password managers know every field', async () => {
    const person = demo.withoutClave();
    const address = demo.mailbox();
    const visit = await Visit.open(browser, demo);
    const filledAs = (name) => visit.field(name).getAttribute('autocomplete');
    await visit.goto(FIRST_PAGE);
    assert.equal(await filledAs(NUMBER), 'username');
    await begin(visit, GENERATE, person);
    assert.equal(await filledAs('Día'), 'bday-day');
    assert.equal(await filledAs('Mes'), 'bday-month');
    await prove(visit, person);
    await answerBank(visit);
    assert.equal(await filledAs('Correo electrónico'), 'email');
    await giveAddress(visit, address);
    assert.equal(await filledAs('Código'), 'one-time-code');
    await openLink(visit, await demo.activation(address));
    assert.equal(await filledAs('Nueva clave'), 'new-password');
    assert.equal(await filledAs('Repita la nueva clave'), 'new-password');
    await visit.close();
  });

  test('a proposed clave fills both fields and is good enough', async () => {
    const person = demo.withoutClave();
    const address = demo.mailbox();
    const visit = await Visit.open(browser, demo);
    await untilMail(visit, GENERATE, person, { address });
    await openLink(visit, await demo.activation(address));
    await visit.field(DECLARATION).check();
    await visit.field('Nueva clave').fill('corta');
    await visit.press('Generar');
    await visit.refused(422);
    await visit.main.locator('[data-phrase-url]').click();
    await visit.main.locator('.govuk-error-message').waitFor({ state: 'detached' });
    assert.equal(await visit.main.getByRole('alert').count(), 0, 'what was said of the older clave stays');
    const filled = await visit.page.waitForFunction(() => {
      const values = [...document.querySelectorAll('input[autocomplete=new-password]')].map((field) => field.value);
      return values.length === 2 && values[0] !== '' && values[0] === values[1] && values[0];
    });
    assert.ok((await filled.jsonValue()).length >= 12);
    const whole = visit.main.locator('output');
    assert.equal(await whole.innerText(), await filled.jsonValue(), 'on a phone the fields are too narrow for it');
    await visit.press('Generar');
    assert.equal(visit.response.status(), 200);
    await finish(visit);
    await visit.close();
  });

  test('the name stays off every page before the proof', async () => {
    const person = demo.withClave();
    const visit = await Visit.open(browser, demo);
    const unnamed = async () => {
      const html = await visit.page.content();
      for (const name of [person.apellidos, person.nombres, person.correo]) {
        assert.ok(!html.includes(name), `${visit.path} shows ${name}`);
      }
    };
    await begin(visit, RECOVER, person);
    await unnamed();
    await fillProof(visit, { ...birthday(person), answers: person.respuestas });
    await visit.press('Continuar');
    await unnamed();
    await visit.close();
  });

  test('without scripts the whole journey works', async () => {
    const person = demo.withoutClave();
    const plain = { javaScriptEnabled: false, inspect: 'none' };
    const visit = await Visit.open(browser, demo, plain);
    const first = await generate(visit, person);
    await visit.close();
    const later = await Visit.open(browser, demo, plain);
    await recover(later, person, first);
    await later.close();
  });

  test('on a telephone of 320 px the whole journey works', async () => {
    const visit = await Visit.open(browser, demo, {
      inspect: 'width', viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true,
    });
    await generate(visit, demo.withoutClave());
    await visit.close();
  });

  test('the door leads to the first page and a first visit sets at most one cookie', async () => {
    const visit = await Visit.open(browser, demo);
    await visit.goto('/');
    const link = visit.main.locator(`a[href="${FIRST_PAGE}"]`).first();
    await visit.leads(() => link.click());
    assert.equal(visit.path, FIRST_PAGE);
    assert.ok((await visit.context.cookies()).length <= 1);
    await visit.close();
  });

  test('the staff\'s pages say that they are not open, and lead to no citizens\' page', async () => {
    const visit = await Visit.open(browser, { url: demo.staffURL });
    for (const [path, status] of [['/', 200], ['/ayuda', 404]]) {
      assert.equal((await visit.goto(path)).status(), status, path);
      const links = await visit.page.locator('a[href]').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
      assert.deepEqual(links.filter((to) => to !== '/' && !/^[#?]/.test(to)), [], path);
    }
    await visit.close();
  });

  test('the mailbox shows a mail as it looks, and its button leads on', async () => {
    const person = demo.withoutClave();
    const address = demo.mailbox();
    const visit = await Visit.open(browser, demo);
    await untilMail(visit, GENERATE, person, { address });
    const mail = await demo.activation(address);
    await visit.goto(`/demo/correo/${mail.id}`);
    const inFrame = visit.main.frameLocator('iframe');
    assert.ok((await inFrame.locator('body').innerText()).includes(mail.code));
    const button = inFrame.getByRole('link', { name: 'CLIC PARA CONTINUAR' });
    const [tab] = await Promise.all([visit.context.waitForEvent('page'), button.click()]);
    await tab.getByRole('main').getByRole('button', { name: 'Continuar' }).waitFor();
    assert.equal(await tab.getByLabel('Día', { exact: true }).count(), 0, 'this browser asked for the mail');
    await visit.close();
  });

  test('the page that waits names reference and address masked, as the mail does', async () => {
    const person = demo.withoutClave();
    const address = demo.mailbox();
    const visit = await Visit.open(browser, demo);
    await untilMail(visit, GENERATE, person, { address });
    const mail = await demo.activation(address);
    const text = await visit.main.innerText();
    assert.ok(text.includes(mail.reference), 'the page lacks the reference of the mail');
    assert.ok(!text.includes(address), 'the page shows the address whole');
    // The code instead of the link.
    await visit.set('Código', mail.code);
    await visit.press('Continuar');
    await setClave(visit, CLAVE);
    await visit.close();
  });
});
