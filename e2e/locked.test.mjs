// Locked out, and somebody else inside: the ways back to one's own account, and
// what they cost a citizen in screens, fields, mails and seconds.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Visit, openBrowser } from './support/browser.mjs';
import { linkNamed, readActivation, startDemo } from './support/demo.mjs';
import {
  CLAVE, DECLARATION, DOCUMENTS, NUMBER, OTHER_CLAVE, RECOVER, birthday, openLink, questions, recover,
} from './support/journey.mjs';

const AGREEMENT = 'He leído y acepto el acuerdo de uso de clave';
const UNLOCK = 'DESBLOQUEO DE CLAVE';

// Hand is somebody practised, who makes no mistake and needs no thought: what is
// typed, pressed and looked at is counted. The seconds are those of the
// keystroke-level model (Card, Moran, Newell 1980): 0.2 for a key, 1.1 for reaching
// something on the page, beside those that the pages take to come.
class Hand {
  fields = 0;
  keys = 0;
  reached = 0;
  screens = 0;
  mails = 0;

  constructor(visit) {
    this.visit = visit;
    this.began = performance.now();
    const { inspect } = visit; // what the suite looks at meanwhile costs a citizen nothing
    visit.inspect = async (...args) => {
      const began = performance.now();
      await inspect.apply(visit, args);
      this.began += performance.now() - began;
    };
  }

  async goto(address) {
    await this.visit.goto(address);
    this.screens++;
  }

  async type(name, value) {
    await this.visit.set(name, value);
    this.fields++;
    this.reached++;
    this.keys += String(value).length;
  }

  async tick(name) {
    await this.visit.field(name).click();
    this.reached++;
  }

  async press(name) {
    await this.visit.press(name);
    this.reached++;
    this.screens++;
  }

  async mail(demo, to, subject) {
    const mail = await demo.nextMail(to, subject);
    this.mails++;
    this.reached++;
    this.screens++;
    return mail;
  }

  toll() {
    const waited = (performance.now() - this.began) / 1000;
    const seconds = waited + this.keys * 0.2 + this.reached * 1.1;
    return `${this.screens} screens, ${this.fields} fields, ${this.mails} mails, ${Math.round(seconds)} s (${waited.toFixed(1)} of them waiting)`;
  }
}

async function logIn(hand, person, clave) {
  await hand.goto('/ingresar');
  await hand.type(NUMBER, person.numero);
  await hand.type('Clave', clave);
  await hand.press('Ingresar');
}

async function prove(hand, person) {
  const { day, month } = birthday(person);
  await hand.type('Día', day);
  await hand.type('Mes', month);
  for (const { text } of await questions(hand.visit)) {
    await hand.type(text, person.respuestas[text]);
  }
  await hand.press('Continuar');
  await hand.press('Aceptar');
}

async function setClave(hand, clave) {
  await hand.tick(DECLARATION);
  await hand.type('Nueva clave', clave);
  await hand.type('Repita la nueva clave', clave);
  await hand.press('Generar');
  await hand.press('Finalizar');
}

async function askUnlock(hand, demo, person) {
  await hand.goto('/clave/desbloquear');
  await hand.type(NUMBER, person.numero);
  await hand.tick('No soy un robot');
  await hand.press('Desbloquear');
  const mail = await hand.mail(demo, person.correo, UNLOCK);
  await hand.goto(linkNamed(mail, 'CLIC PARA DESBLOQUEAR'));
}

describe('locked out', () => {
  let browser, demo;
  before(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo({ set: ['captcha_cost=1'] })]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  // lock has a stranger type wrong claves until the number is locked.
  async function lock(person) {
    const stranger = await Visit.open(browser, demo, { inspect: 'none' });
    for (let i = 0; i < 5; i++) {
      await demo.advance('20s');
      await logIn(new Hand(stranger), person, 'una clave equivocada');
    }
    await stranger.refused(422);
    await logIn(new Hand(stranger), person, 'una clave equivocada');
    await stranger.refused(429);
    await stranger.close();
  }

  // fresh is a browser that nobody knows.
  const fresh = async () => new Hand(await Visit.open(browser, demo));

  test('remembers the clave: unlocks by mail and is inside', async (t) => {
    const person = demo.person('bloqueada-presencial');
    const hand = await fresh();
    await askUnlock(hand, demo, person);
    await hand.press('Desbloquear mi clave');
    await logIn(hand, person, person.clave);
    assert.equal(hand.visit.path, '/mi-cuenta');
    t.diagnostic(`locked and remembers: ${hand.toll()}`);
    assert.ok(hand.fields <= 4 && hand.mails === 1, hand.toll());
    await hand.visit.close();
  });

  test('forgot the clave: a new one behind the same link, by one mail', async (t) => {
    const person = demo.person('con-clave-presencial');
    await lock(person);
    const hand = await fresh();
    await askUnlock(hand, demo, person);
    await hand.press('Poner una clave nueva');
    await prove(hand, person);
    await setClave(hand, CLAVE);
    assert.equal(await hand.visit.field(NUMBER).inputValue(), person.numero, 'the number is asked again');
    await hand.type('Clave', CLAVE);
    await hand.press('Ingresar');
    assert.equal(hand.visit.path, '/mi-cuenta');
    t.diagnostic(`locked and forgot: ${hand.toll()}`);
    assert.ok(hand.fields <= 9 && hand.mails === 1, hand.toll());
    await hand.visit.close();
  });

  test("by the sheet's way: unlock, and a recover with a mail of its own", async (t) => {
    const person = demo.person('con-clave-presencial');
    await demo.advance('25h');
    await lock(person);
    const hand = await fresh();
    await askUnlock(hand, demo, person);
    await hand.press('Desbloquear mi clave');
    await hand.goto('/clave/generar-recuperar');
    await hand.visit.choose('¿Qué necesita?', RECOVER);
    await hand.visit.choose('Documento', DOCUMENTS[person.tipo]);
    hand.reached += 2;
    await hand.type(NUMBER, person.numero);
    await hand.tick('No soy un robot');
    await hand.press('Buscar');
    await prove(hand, person);
    await hand.press('Continuar');
    await hand.press('Aceptar');
    const mail = readActivation(await hand.mail(demo, person.correo, 'ACTIVACIÓN CLAVE'));
    await openLink(hand.visit, mail);
    hand.screens += 2;
    await setClave(hand, OTHER_CLAVE);
    await hand.type('Clave', OTHER_CLAVE);
    await hand.press('Ingresar');
    assert.equal(hand.visit.path, '/mi-cuenta');
    t.diagnostic(`the sheet's way: ${hand.toll()}`);
    await hand.visit.close();
  });

  test('«No fui yo» closes the account to everybody, and its owner opens it again', async () => {
    const person = demo.withClave();
    const thief = await Visit.open(browser, demo, { inspect: 'none' });
    await thief.goto('/clave/cambiar');
    await thief.set(NUMBER, person.numero);
    for (const [name, value] of [['Clave actual', person.clave], ['Nueva clave', OTHER_CLAVE], ['Repita la nueva clave', OTHER_CLAVE]]) {
      await thief.field(name).fill(value);
    }
    await thief.field(AGREEMENT).check();
    await thief.press('Cambiar clave');
    assert.equal(thief.response.status(), 200);

    const owner = await Visit.open(browser, demo, { viewport: { width: 320, height: 640 } });
    const notice = await demo.nextMail(person.correo, 'Aviso: se cambió su clave');
    await owner.goto(linkNamed(notice, 'No fui yo'));
    await owner.press('No fui yo: congelar mi cuenta');
    assert.equal(owner.response.status(), 200);
    const number = (await owner.main.innerText()).match(/C-[2-9A-Z]{4}-[2-9A-Z]{4}/)?.[0];
    assert.ok(number, 'the page names no case');
    assert.match((await demo.nextMail(person.correo, 'Aviso: su cuenta está congelada')).texto, new RegExp(number));
    await owner.goto(linkNamed(notice, 'No fui yo'));
    assert.equal(await owner.main.getByRole('button').count(), 0, 'it counts twice');

    await logIn(new Hand(thief), person, OTHER_CLAVE);
    await thief.refused(422);
    await recover(owner, person, { address: person.correo, answers: person.respuestas, clave: CLAVE });
    await owner.set('Clave', CLAVE);
    await owner.press('Ingresar');
    assert.equal(owner.path, '/mi-cuenta');
    await owner.goto('/mi-cuenta/historia');
    assert.ok((await owner.main.innerText()).includes('dejó de estar congelada'));
    await thief.close();
    await owner.close();
  });
});
