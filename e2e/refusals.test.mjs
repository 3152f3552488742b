// What the pages do with wrong proofs, second tabs, the back button and bad claves.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Visit, named, openBrowser } from './support/browser.mjs';
import { startDemo } from './support/demo.mjs';
import {
  CLAVE, DECLARATION, FIRST_PAGE, GENERATE, NUMBER, RECOVER,
  answerBank, begin, birthday, fillClave, fillFirstPage, fillProof, finish, generate, openLink, prove,
  setClave, untilMail,
} from './support/journey.mjs';

describe('refusals', () => {
  let browser, demo;
  before(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });
  const open = (options) => Visit.open(browser, demo, { inspect: 'refusals', ...options });

  // wrongProofs loses six verdicts and gives what each answered.
  async function wrongProofs(need, person) {
    const visit = await open();
    await begin(visit, need, person);
    const seen = [];
    for (let i = 0; i < 6; i++) {
      await fillProof(visit, { day: 7, month: 7, answers: {} });
      await visit.press('Continuar');
      if (visit.response.status() === 200) {
        await visit.press('Aceptar');
      }
      const text = await visit.main.innerText();
      seen.push({
        status: visit.response.status(),
        wait: /^[1-9]\d*$/.test(visit.response.headers()['retry-after'] ?? ''),
        says: text.includes('Los datos no coinciden'),
        summary: await visit.main.getByRole('alert').first().innerText(),
      });
    }
    await visit.close();
    return seen;
  }

  for (const need of [GENERATE, RECOVER]) {
    test(`«${need}»: five wrong proofs, for a person and for nobody alike`, async () => {
      const person = need === GENERATE ? demo.withoutClave() : demo.withClave();
      assert.notDeepEqual(birthday(person), { day: 7, month: 7 });
      const seen = await wrongProofs(need, person);
      assert.deepEqual(seen.slice(0, 4).map(({ status, says }) => ({ status, says })),
        Array.from({ length: 4 }, () => ({ status: 422, says: true })));
      assert.equal(seen.at(-1).status, 429);
      for (const { status, wait } of seen) {
        assert.equal(wait, status === 429, 'Retry-After belongs to 429');
      }
      const nobody = { ...person, numero: demo.nobodysNumber(), tipo: 'cedula' };
      assert.deepEqual(await wrongProofs(need, nobody), seen);
    });
  }

  test('a refused first page keeps what was typed and says what to do', async () => {
    const visit = await open();
    await visit.goto(FIRST_PAGE);
    await fillFirstPage(visit, GENERATE, { tipo: 'cedula', audiencias: ['pensionista'], numero: '1700000002' });
    await visit.press('Buscar');
    await visit.refused(422);
    assert.equal(await visit.field(NUMBER).inputValue(), '1700000002');
    assert.ok(await visit.group('Soy').getByRole('radio', { name: named('Pensionista') }).isChecked());
    // The summary's link leads to the field.
    await visit.main.getByRole('alert').getByRole('link').first().click();
    assert.ok(await visit.field(NUMBER).evaluate((field) => field === document.activeElement));
    await visit.close();
  });

  test('a first page with nothing on it is refused', async () => {
    const visit = await open();
    await visit.goto(FIRST_PAGE);
    assert.ok(await visit.group('Documento').getByRole('radio', { name: named('Cédula') }).isChecked());
    await visit.press('Buscar');
    await visit.refused(422);
    await visit.close();
  });

  test('an incomplete proof is refused before the review and keeps the rest', async () => {
    const person = demo.withClave();
    const visit = await open();
    await begin(visit, RECOVER, person);
    const asked = await fillProof(visit, { ...birthday(person), answers: person.respuestas });
    await visit.field(asked[1].text).fill('');
    await visit.set('Día', 31);
    await visit.set('Mes', 2);
    await visit.press('Continuar');
    await visit.refused(422);
    assert.equal(await visit.field('Día').inputValue(), '31');
    assert.equal(await visit.field(asked[0].text).inputValue(), person.respuestas[asked[0].text]);
    await visit.close();
  });

  test('weak answers and a wrong address are refused', async () => {
    const person = demo.withoutClave();
    const visit = await open();
    await begin(visit, GENERATE, person);
    await prove(visit, person);
    await visit.press('Continuar');
    await visit.refused(422); // none of the ten
    const fields = visit.main.locator('input[type=text]');
    for (let i = 0; i < 3; i++) {
      await fields.nth(i).fill('la misma');
    }
    await visit.press('Continuar');
    await visit.refused(422);
    for (let i = 0; i < 3; i++) {
      await fields.nth(i).fill('');
    }
    await answerBank(visit);
    await visit.set('Correo electrónico', 'sin arroba');
    await visit.press('Continuar');
    await visit.refused(422);
    assert.equal(await visit.field('Correo electrónico').inputValue(), 'sin arroba');
    await visit.close();
  });

  test('a weak clave is refused and nothing else is lost', async () => {
    const person = demo.withoutClave();
    const address = demo.mailbox();
    const visit = await open();
    await untilMail(visit, GENERATE, person, { address });
    await openLink(visit, await demo.activation(address));
    for (const [weak, repeat] of [
      ['contraseña123', 'contraseña123'],
      ['corta', 'corta'],
      [`${person.numero}abc`, `${person.numero}abc`],
      [CLAVE, `${CLAVE}x`],
    ]) {
      await fillClave(visit, weak, repeat);
      await visit.press('Generar');
      await visit.refused(422);
      assert.ok(await visit.field(DECLARATION).isChecked(), 'the declaration is kept');
      assert.equal(await visit.field('Nueva clave').inputValue(), '');
      assert.equal(await visit.field('Repita la nueva clave').inputValue(), '');
    }
    await visit.field(DECLARATION).uncheck();
    await visit.field('Nueva clave').fill(CLAVE);
    await visit.field('Repita la nueva clave').fill(CLAVE);
    await visit.press('Generar');
    await visit.refused(422);
    await setClave(visit, CLAVE);
    await visit.close();
  });

  test('a form of another procedure in the same browser is 409', async () => {
    const [one, two] = [demo.withClave(), demo.withClave()];
    const visit = await open();
    await begin(visit, RECOVER, one);
    await fillProof(visit, { ...birthday(one), answers: one.respuestas });
    const first = visit.page;
    visit.page = await visit.newTab();
    await begin(visit, RECOVER, two);
    const second = visit.page;
    visit.page = first;
    await visit.press('Continuar');
    assert.equal(visit.response.status(), 409);
    visit.page = second;
    await prove(visit, two);
    assert.equal(visit.response.status(), 200);
    await visit.close();
  });

  test('two tabs of one procedure: the later press goes to where it stands', async () => {
    const person = demo.withClave();
    const visit = await open();
    await begin(visit, RECOVER, person);
    await fillProof(visit, { ...birthday(person), answers: person.respuestas });
    await visit.press('Continuar');
    const review = visit.page.url();
    const first = visit.page;
    visit.page = await visit.newTab();
    await visit.goto(review);
    const second = visit.page;
    visit.page = first;
    await visit.press('Aceptar');
    const standing = visit.path;
    visit.page = second;
    await visit.press('Aceptar');
    assert.equal(visit.response.status(), 200);
    assert.equal(visit.path, standing);
    await visit.close();
  });

  test('a page further on leads back to where the procedure stands', async () => {
    const person = demo.withoutClave();
    const address = demo.mailbox();
    const visit = await open();
    await untilMail(visit, GENERATE, person, { address });
    const waits = visit.path;
    await openLink(visit, await demo.activation(address));
    const last = visit.path;
    await visit.close();

    const other = await open();
    await begin(other, GENERATE, demo.withoutClave());
    const proof = other.path;
    for (const path of [waits, last]) {
      await other.goto(path);
      assert.equal(other.path, proof);
    }
    await other.close();
  });

  test('the back button never loses or repeats a step', async () => {
    const person = demo.withClave();
    const visit = await open();
    await begin(visit, RECOVER, person);
    const asked = await fillProof(visit, { ...birthday(person), answers: person.respuestas });
    await visit.press('Continuar');
    await visit.leads(() => visit.page.goBack());
    assert.equal(await visit.field(asked[0].text).inputValue(), person.respuestas[asked[0].text]);
    await visit.press('Continuar');
    await visit.press('Aceptar');
    await visit.set('Correo electrónico', person.correo);
    await visit.press('Continuar');
    await visit.press('Aceptar');
    await openLink(visit, await demo.activation(person.correo));
    const last = visit.page.url();
    await setClave(visit, CLAVE);
    await visit.goto(last);
    assert.equal(await visit.field('Nueva clave').count(), 0, 'the last page opens twice');
    await visit.close();
  });

  test('a double click on «Generar» makes one clave and one notice', async () => {
    const person = demo.withoutClave();
    const address = demo.mailbox();
    const visit = await open();
    await untilMail(visit, GENERATE, person, { address });
    await openLink(visit, await demo.activation(address));
    await fillClave(visit, CLAVE);
    await visit.button('Generar').dblclick();
    await finish(visit);
    await demo.nextMail(address); // the notice
    const other = await open();
    await generate(other, demo.withoutClave());
    await other.close();
    assert.equal((await demo.mails(address)).length, 2);
    await visit.close();
  });

  test('two tabs that press «Generar» with different claves: the first holds', async () => {
    const person = demo.withoutClave();
    const address = demo.mailbox();
    const visit = await open();
    await untilMail(visit, GENERATE, person, { address });
    await openLink(visit, await demo.activation(address));
    const last = visit.page.url();
    const first = visit.page;
    visit.page = await visit.newTab();
    await visit.goto(last);
    await fillClave(visit, 'otra manera de entrar 81');
    const second = visit.page;
    visit.page = first;
    await fillClave(visit, CLAVE);
    await visit.press('Generar');
    assert.equal(visit.response.status(), 200);
    visit.page = second;
    await visit.press('Generar');
    assert.equal(visit.response.status(), 410);
    await visit.close();
  });

  test('a procedure ends after its half hour, and says so before', async () => {
    const visit = await open({ fresh: true });
    await visit.page.clock.install();
    const person = demo.withClave();
    await begin(visit, RECOVER, person);
    const warning = visit.page.locator('[data-deadline]');
    assert.equal(await warning.isVisible(), false);
    await visit.page.clock.fastForward('29:00');
    await warning.waitFor({ state: 'visible' });
    await visit.inspect();
    // Its button gives as much time again.
    await demo.advance('20m');
    await visit.leads(() => warning.getByRole('button').click());
    assert.equal(visit.response.status(), 200);
    await demo.advance('20m');
    await visit.goto(visit.path);
    await visit.field('Día').waitFor();
    await demo.advance('31m');
    await fillProof(visit, { ...birthday(person), answers: person.respuestas });
    await visit.press('Continuar');
    assert.equal(visit.response.status(), 410);
    await visit.close();
  });
});
