// The mail: its link, its code, and every way they end.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Visit, named, openBrowser } from './support/browser.mjs';
import { linkNamed, startDemo } from './support/demo.mjs';
import {
  CLAVE, GENERATE, OTHER_CLAVE, RECOVER,
  answerBank, begin, birthday, generate, openLink, prove, setClave, untilMail,
} from './support/journey.mjs';

describe('the mail', () => {
  let browser, demo;
  before(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });
  const open = () => Visit.open(browser, demo, { inspect: 'refusals' });

  // waiting brings somebody to the page that waits, and gives the mail.
  async function waiting(visit) {
    const person = demo.withoutClave();
    const address = demo.mailbox();
    const answers = await untilMail(visit, GENERATE, person, { address });
    return { person, address, answers, mail: await demo.activation(address) };
  }

  const statusOf = async (link, method = 'GET') => {
    const reply = await fetch(link, { method, redirect: 'manual' });
    await reply.arrayBuffer();
    return reply.status;
  };

  test('the button of the HTML body is the link of the text', async () => {
    const visit = await open();
    const { mail } = await waiting(visit);
    assert.equal(linkNamed(mail, 'CLIC PARA CONTINUAR'), mail.link);
    assert.ok(mail.link.startsWith(`${demo.url}/`));
    await visit.close();
  });

  test('a scanner that follows the link never burns it', async () => {
    const visit = await open();
    const { mail } = await waiting(visit);
    for (const method of ['HEAD', 'GET', 'GET', 'HEAD', 'GET']) {
      assert.equal(await statusOf(mail.link, method), 303, method);
    }
    await openLink(visit, mail);
    assert.equal(await statusOf(mail.link), 303, '«Continuar» burnt it');
    await setClave(visit, CLAVE);
    assert.equal(await statusOf(mail.link), 410);
    assert.equal(await statusOf(mail.link, 'HEAD'), 410);
    await visit.close();
  });

  test('in another browser the link asks day and month, and goes on there', async () => {
    const visit = await open();
    const { person, mail } = await waiting(visit);
    const other = await open();
    await other.goto(mail.link);
    await other.inspect();
    const { day, month } = birthday(person);
    await other.set('Día', (day % 28) + 1);
    await other.set('Mes', month);
    await other.press('Continuar');
    await other.refused(422);
    await other.set('Día', day);
    await other.set('Mes', month);
    await other.press('Continuar');
    await setClave(other, CLAVE);
    await other.close();
    await visit.close();
  });

  test('an expired link and an expired code say so', async () => {
    const visit = await open();
    const { mail } = await waiting(visit);
    await demo.advance('4m');
    const other = await open();
    assert.equal((await other.goto(mail.link)).status(), 410);
    await other.close();
    await visit.set('Código', mail.code);
    assert.equal((await visit.press('Continuar')).status(), 410);
    // In the browser that asked, the page behind the link sends another one.
    assert.equal((await visit.goto(mail.link)).status(), 410);
    await visit.press('Enviar de nuevo');
    await visit.field('Código').waitFor();
    await visit.close();
  });

  test('a mail asked for again replaces the older one', async () => {
    const visit = await open();
    const { address, mail } = await waiting(visit);
    await visit.press('Enviar de nuevo');
    const next = await demo.activation(address);
    assert.notEqual(next.link, mail.link);
    assert.equal(next.reference, mail.reference);
    const other = await open();
    assert.equal((await other.goto(mail.link)).status(), 410);
    await other.close();
    assert.equal((await visit.goto(mail.link)).status(), 410);
    await openLink(visit, next);
    await setClave(visit, CLAVE);
    await visit.close();
  });

  test('a used link has a page of its own, in the same browser and in another', async () => {
    const visit = await open();
    const { mail } = await generate(visit, demo.withoutClave());
    assert.equal((await visit.goto(mail.link)).status(), 410);
    const other = await open();
    assert.equal((await other.goto(mail.link)).status(), 410);
    await other.close();
    await visit.close();
  });

  test('a garbled link leads to a kind page', async () => {
    const visit = await open();
    const { mail } = await waiting(visit);
    const last = mail.link.at(-1);
    const garbled = [mail.link.slice(0, -1), mail.link.slice(0, -1) + (last === 'A' ? 'B' : 'A'), `${mail.link}x`];
    for (const link of garbled) {
      const status = (await visit.goto(link)).status();
      assert.ok([404, 410].includes(status), `${status} for ${link}`);
    }
    assert.equal(await statusOf(mail.link), 303);
    await visit.close();
  });

  test('five wrong codes are the end of the code, not of the link', async () => {
    const visit = await open();
    const { mail } = await waiting(visit);
    const wrong = String((Number(mail.code) + 1) % 1_000_000).padStart(6, '0');
    const statuses = [];
    for (let i = 0; i < 6; i++) {
      await visit.set('Código', wrong);
      await visit.press('Continuar');
      statuses.push(visit.response.status());
    }
    assert.deepEqual(statuses.slice(0, 4), [422, 422, 422, 422]);
    assert.equal(statuses.at(-1), 429);
    assert.match(visit.response.headers()['retry-after'] ?? '', /^[1-9]\d*$/);
    await openLink(visit, mail);
    await setClave(visit, CLAVE);
    await visit.close();
  });

  test('«Terminar aquí»: the browser forgets, the mail goes on elsewhere', async () => {
    const visit = await open();
    const { person, mail } = await waiting(visit);
    const { path } = visit;
    await visit.press('Terminar aquí');
    assert.equal(visit.response.status(), 200);
    await visit.inspect();
    await visit.goto(path);
    assert.equal(await visit.field('Código').count(), 0);
    await visit.goto(mail.link);
    const { day, month } = birthday(person);
    await visit.set('Día', day);
    await visit.set('Mes', month);
    await visit.press('Continuar');
    await setClave(visit, CLAVE);
    await visit.close();
  });

  test('a likely slip in the address is asked about', async () => {
    const person = demo.withoutClave();
    const visit = await open();
    await begin(visit, GENERATE, person);
    await prove(visit, person);
    await answerBank(visit);
    await visit.set('Correo electrónico', 'persona.prueba@gmial.com');
    await visit.press('Continuar');
    await visit.inspect();
    assert.match(await visit.main.innerText(), /quiso decir.*gmail\.com/i);
    await visit.close();
  });

  describe('a changed address', () => {
    // changed asks for mail to an address that is not the one on record.
    async function changed(visit) {
      const person = demo.withClave();
      const address = demo.mailbox();
      await untilMailHeld(visit, person, address);
      const notice = await demo.nextMail(person.correo);
      assert.notEqual(notice.asunto, 'ACTIVACIÓN CLAVE');
      assert.ok(!notice.texto.includes(address), 'the notice shows the new address whole');
      return { person, address, notice };
    }

    async function untilMailHeld(visit, person, address) {
      await begin(visit, RECOVER, person);
      await prove(visit, person);
      await visit.set('Correo electrónico', address);
      await visit.press('Continuar');
      await visit.press('Aceptar');
      assert.equal(visit.response.status(), 200);
      await visit.inspect();
    }

    test('waits for a day, then the mail leaves', async () => {
      const visit = await open();
      const { address } = await changed(visit);
      await demo.advance('23h');
      assert.deepEqual(await demo.mails(address), []);
      await demo.advance('65m');
      const mail = await demo.activation(address);
      await openLink(visit, mail);
      await setClave(visit, OTHER_CLAVE);
      await visit.close();
    });

    test('«No fui yo» cancels it: no mail ever leaves', async () => {
      const visit = await open();
      const { address, notice } = await changed(visit);
      const owner = await open();
      await owner.goto(linkNamed(notice, 'No fui yo'));
      assert.equal(owner.response.status(), 200);
      await owner.inspect();
      await owner.leads(() => owner.main.getByRole('button').first().click());
      assert.equal(owner.response.status(), 200);
      await owner.inspect();
      await owner.close();

      await demo.advance('25h');
      // A mail that is asked for now leaves after whatever was due before it.
      const witness = await open();
      await waiting(witness);
      await witness.close();
      assert.deepEqual(await demo.mails(address), []);
      await visit.page.reload();
      assert.equal(await visit.field('Código').count(), 0);
      assert.equal(await visit.main.getByRole('button', { name: named('Enviar de nuevo') }).count(), 0);
      await visit.close();
    });
  });

  test('the notice of a new clave names «No fui yo»', async () => {
    const visit = await open();
    const { address } = await generate(visit, demo.withoutClave());
    const notice = await demo.nextMail(address);
    await visit.goto(linkNamed(notice, 'No fui yo'));
    assert.equal(visit.response.status(), 200);
    await visit.inspect();
    await visit.close();
  });
});
