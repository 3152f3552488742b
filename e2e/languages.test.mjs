// The other language: asked for by a browser or chosen by a person, it stays; and the
// whole way to a first clave is walked in it, through the mail.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Visit, named, openBrowser } from './support/browser.mjs';
import { linkNamed, startDemo } from './support/demo.mjs';
import { CLAVE, GENERATE, begin, birthday, fillProof } from './support/journey.mjs';
import { wordsOf } from './support/words.mjs';

const en = wordsOf('en');

describe('languages', () => {
  let browser, demo;
  before(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  const written = (visit) => visit.page.evaluate(() => document.documentElement.lang);
  // choose takes a language by its link in the head of the page.
  const choose = (visit, name) =>
    visit.leads(() => visit.page.getByRole('banner').getByRole('link', { name, exact: true }).click());
  const procedure = (visit) => visit.main.locator('input[name=tramite]').first().inputValue();

  test('a language is chosen by keyboard, is all that is kept, and stays', async () => {
    const visit = await Visit.open(browser, demo, { inspect: 'none' });
    await visit.goto('/ayuda');
    assert.deepEqual([await written(visit), await visit.context.cookies()], ['es-EC', []]);
    const link = visit.page.getByRole('banner').getByRole('link', { name: 'English', exact: true });
    assert.equal(await link.getAttribute('lang'), 'en-GB');
    for (let pressed = 0; !(await link.evaluate((element) => element === document.activeElement)); pressed++) {
      assert.ok(pressed < 8, 'the other language is far from the top');
      await visit.page.keyboard.press('Tab');
    }
    await visit.leads(() => visit.page.keyboard.press('Enter'));
    assert.equal(visit.path, '/ayuda');
    assert.equal(await written(visit), 'en-GB');
    assert.deepEqual((await visit.context.cookies()).map(({ value }) => value), ['en']);

    // A search goes with its words from one language to the other.
    await visit.goto('/buscar?q=correo');
    assert.equal(await written(visit), 'en-GB');
    await choose(visit, 'Español');
    assert.equal(await written(visit), 'es-EC');
    assert.equal(await visit.page.getByRole('searchbox').inputValue(), 'correo');
    await choose(visit, 'English');

    const kept = await visit.context.storageState();
    await visit.close();
    const later = await Visit.open(browser, demo, { inspect: 'none', storageState: kept });
    for (const path of ['/', '/ingresar', '/no-existe']) {
      await later.goto(path);
      assert.equal(await written(later), 'en-GB', path);
    }
    await later.close();
  });

  test('in the middle of a procedure the language changes and the procedure goes on', async () => {
    const person = demo.withoutClave();
    const visit = await Visit.open(browser, demo, { inspect: 'none' });
    await begin(visit, GENERATE, person);
    const begun = await procedure(visit);
    await choose(visit, 'English');
    assert.deepEqual([await written(visit), await procedure(visit)], ['en-GB', begun]);

    // A page that came as the answer to a form leads to where the form stands.
    await visit.press(en('page.continue'));
    assert.equal(visit.response.status(), 422);
    await visit.main.getByRole('heading', { name: en('page.problem_title') }).waitFor();
    visit.page.once('dialog', (question) => question.accept()); // what was typed would be lost
    await choose(visit, 'Español');
    assert.equal(visit.response.status(), 200);
    assert.deepEqual([await written(visit), await procedure(visit)], ['es-EC', begun]);
    await visit.press('Continuar');
    await visit.refused(422);

    await fillProof(visit, { ...birthday(person), answers: person.respuestas });
    await visit.press('Continuar');
    await choose(visit, 'English');
    await visit.press(en('page.accept'));
    assert.equal(visit.response.status(), 200);
    assert.deepEqual([await written(visit), await procedure(visit)], ['en-GB', begun]);
    await visit.close();
  });

  test('who has typed something is asked before it is lost with the language', async () => {
    const visit = await Visit.open(browser, demo, { inspect: 'none' });
    await visit.goto('/ingresar');
    await choose(visit, 'English');
    await choose(visit, 'Español');
    const number = visit.main.getByRole('textbox').first();
    await number.fill('17');
    const asked = [];
    visit.page.on('dialog', async (question) => {
      asked.push(question.message());
      await (asked.length === 1 ? question.dismiss() : question.accept());
    });
    const link = visit.page.getByRole('banner').getByRole('link', { name: 'English', exact: true });
    await link.click();
    assert.equal(await number.inputValue(), '17');
    assert.match(asked[0], /se borra lo que escribió/);
    await visit.leads(() => link.click());
    assert.deepEqual([await written(visit), asked.length], ['en-GB', 2]);
    await visit.close();
  });

  test('the way to a first clave in English, from the door to the log-in, through the mail', async () => {
    const person = demo.person('nueva');
    const address = demo.mailbox();
    const visit = await Visit.open(browser, demo, { locale: 'en' });
    const answers = await answersOf(visit, person);

    await visit.goto('/');
    await visit.leads(() => visit.main.getByRole('link', { name: named(en('door.insured.affiliates')) }).click());
    await visit.choose(en('start.kind.label'), en('start.kind.generate'));
    await visit.set(en('start.number.label'), person.numero);
    await visit.press(en('start.button'));

    const { day, month } = birthday(person);
    await visit.set(en('birthday.day'), day);
    await visit.set(en('birthday.month'), month);
    for (const [question, answer] of answers) {
      const group = visit.group(question);
      if (await group.count()) {
        await group.getByRole('radio', { name: named(answer) }).check();
      } else {
        await visit.field(question).selectOption({ label: answer });
      }
    }
    await visit.press(en('page.continue'));
    await visit.press(en('page.accept'));
    for (const [n, answer] of ['Blue tulip', 'Toasted quinoa', 'Paper boat'].entries()) {
      await visit.main.locator('input[name^="bank."]').nth(n).fill(answer);
    }
    await visit.press(en('page.continue'));
    await visit.set(en('contact.label'), address);
    await visit.press(en('page.continue'));
    await visit.press(en('page.accept'));
    await visit.field(en('waiting.code')).waitFor();

    const mail = await demo.nextMail(address, en('mail.activation.subject'));
    const [, reference] = new RegExp(`^${en('mail.reference', { reference: '(\\S{4}-\\S{4})' })}\\r?$`, 'm').exec(mail.texto);
    assert.ok((await visit.main.innerText()).includes(reference), 'the page has the reference of the mail');
    await visit.goto(`/demo/correo/${mail.id}`);
    await visit.goto(linkNamed(mail, en('mail.activation.link')));
    await visit.press(en('page.continue'));

    await visit.field(en('clave.declare')).check();
    await visit.field(en('clave.new')).fill('short');
    await visit.field(en('clave.repeat')).fill('short');
    await visit.press(en('clave.button'));
    assert.equal(visit.response.status(), 422);
    await visit.field(en('clave.declare')).check();
    await visit.field(en('clave.new')).fill(CLAVE);
    await visit.field(en('clave.repeat')).fill(CLAVE);
    await visit.press(en('clave.button'));
    await visit.press(en('done.button'));
    assert.equal(visit.path, '/ingresar');
    await demo.nextMail(address, en('mail.clave_set.subject'));

    await visit.set(en('start.number.label'), person.numero);
    await visit.field(en('log_in.clave')).fill(CLAVE);
    await visit.press(en('log_in.button'));
    assert.equal(visit.path, '/mi-cuenta');
    await visit.leads(() => visit.main.getByRole('link', { name: named(en('account.history')) }).click());
    await visit.close();
  });

  // answersOf reads on the page of the demo's people what one of them answers, as
  // somebody does who tries it: [question, answer].
  async function answersOf(visit, person) {
    await visit.goto('/demo/personas');
    return visit.main.locator('article').filter({ hasText: person.numero }).locator('.al-answers').evaluate((list) => {
      const texts = (name) => [...list.querySelectorAll(name)].map((element) => element.textContent.trim());
      const answers = texts('dd');
      return texts('dt').map((question, n) => [question, answers[n]]);
    });
  }
});
