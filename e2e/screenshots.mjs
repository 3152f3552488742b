// Walks the journey and keeps a picture of every page, at 320 and 1280 px.
//
//   node screenshots.mjs FOLDER                 all of them, to look at
//   node screenshots.mjs FOLDER --policy guia   what that policy asks besides
//   node screenshots.mjs FOLDER --readme        the README's few: a phone's width, without the
//                                               footer, in 64 colours (needs ImageMagick)
//
// ALDABA is the program, as for the tests. It is no test: nothing is asserted
// but that the journey can be walked.

import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { Visit, openBrowser } from './support/browser.mjs';
import { linkNamed, startDemo } from './support/demo.mjs';
import { answerOwn, giveCode, proveDate, securityPage } from './support/policies.mjs';
import {
  CLAVE, FIRST_PAGE, GENERATE, RECOVER,
  answerBank, begin, birthday, fillClave, fillFirstPage, fillProof, finish, openLink, prove,
} from './support/journey.mjs';

const PHONE = { width: 320, height: 640 };
const DESK = { width: 1280, height: 800 };

// The pages shown in the README, and how.
const README = new Set(['first-page', 'proof', 'waiting', 'mail', 'clave', 'done']);
// The pages that are also kept in dark.
const DARK = new Set(['security', 'own-question', 'untold', 'first-page', 'proof', 'proof-refused', 'waiting', 'clave']);

const folder = process.argv[2];
if (!folder) {
  console.error('usage: node screenshots.mjs FOLDER [--policy NAME] [--readme]');
  process.exit(2);
}
const readme = process.argv.includes('--readme');
const policy = process.argv.find((_, i, all) => all[i - 1] === '--policy') ?? 'ficha-2026';
await mkdir(resolve(folder), { recursive: true });

const [browser, demo] = await Promise.all([openBrowser(), startDemo({ set: ['captcha_cost=1'], args: ['--policy', policy] })]);
try {
  await { 'ficha-2026': walk, guia: walkGuia, reforzada: walkReforzada }[policy]();
} finally {
  await browser.close();
  await demo.stop();
}

async function picture(visit, name, size, { dark = false, footer = true } = {}) {
  const { page } = visit;
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
  const path = join(resolve(folder), `${name}.png`);
  const height = footer ? 0 : await page.evaluate(() => document.querySelector('footer')?.offsetTop ?? 0);
  await page.screenshot({
    path, fullPage: true, animations: 'disabled', caret: 'initial',
    ...(height > 0 && { clip: { x: 0, y: 0, width: size.width, height } }),
  });
  return path;
}

// keep takes the pictures of one page.
async function keep(visit, name) {
  if (readme) {
    if (README.has(name)) {
      const path = await picture(visit, name, { width: 390, height: 844 }, { footer: false });
      execFileSync('convert', [path, '-strip', '-colors', '64', `PNG8:${path}`]);
    }
    return;
  }
  await picture(visit, `${name}-1280`, DESK);
  await picture(visit, `${name}-320`, PHONE);
  if (DARK.has(name)) {
    await picture(visit, `${name}-1280-dark`, DESK, { dark: true });
    await picture(visit, `${name}-320-dark`, PHONE, { dark: true });
  }
  await visit.page.setViewportSize(DESK);
  await visit.page.emulateMedia({ colorScheme: 'light' });
}

async function walk() {
  const open = () => Visit.open(browser, demo, { inspect: 'none' });
  const person = demo.person('nueva');
  const visit = await open();
  const address = 'persona@correo.example';

  await visit.goto('/');
  await keep(visit, 'door');
  await visit.goto('/ayuda');
  await keep(visit, 'help');
  await visit.goto(FIRST_PAGE);
  await visit.press('Buscar');
  await keep(visit, 'first-page-refused');
  await visit.goto(FIRST_PAGE);
  await fillFirstPage(visit, GENERATE, person);
  await keep(visit, 'first-page');
  await visit.press('Buscar');

  await keep(visit, 'proof');
  const { day, month } = birthday(person);
  await fillProof(visit, { day: (day % 28) + 1, month, answers: person.respuestas });
  await visit.press('Continuar');
  await visit.press('Aceptar');
  await keep(visit, 'proof-refused');
  await fillProof(visit, { day, month, answers: person.respuestas });
  await visit.press('Continuar');
  await keep(visit, 'proof-review');
  await visit.press('Aceptar');
  await keep(visit, 'bank');
  await visit.press('Continuar');
  await keep(visit, 'bank-refused');
  const answers = await answerBank(visit);
  await keep(visit, 'contact');
  await visit.set('Correo electrónico', 'persona@gmial.com');
  await visit.press('Continuar');
  await keep(visit, 'contact-review-slip');
  await visit.leads(() => visit.page.goBack());
  await visit.set('Correo electrónico', address);
  await visit.press('Continuar');
  await keep(visit, 'contact-review');
  await visit.press('Aceptar');
  const mail = await demo.activation(address);
  await visit.page.reload();
  await keep(visit, 'waiting');

  const other = await open();
  await other.goto(`/demo/correo/${mail.id}/html`);
  await keep(other, 'mail');
  await other.goto(`/demo/correo/${mail.id}`);
  await keep(other, 'mailbox-mail');
  await other.goto(mail.link);
  await keep(other, 'link-other-browser');
  await other.goto(`${mail.link}x`);
  await keep(other, 'link-garbled');
  await visit.goto(mail.link);
  await keep(visit, 'link');
  await visit.press('Continuar');
  await keep(visit, 'clave');
  await fillClave(visit, 'corta');
  await visit.press('Generar');
  await keep(visit, 'clave-refused');
  await fillClave(visit, CLAVE);
  await visit.press('Generar');
  await keep(visit, 'done');
  await finish(visit);
  await keep(visit, 'log-in');
  await other.goto(mail.link);
  await keep(other, 'link-used');
  const notice = await demo.nextMail(address);
  await other.goto(linkNamed(notice, 'No fui yo'));
  await keep(other, 'objection');
  await other.goto('/demo/correo');
  await keep(other, 'mailbox');
  await other.goto('/demo/personas');
  await keep(other, 'people');
  await other.goto('/no-existe');
  await keep(other, 'not-found');
  await other.close();

  // Recover, to an address that waits a day; and one that is fixed.
  await begin(visit, RECOVER, person);
  await keep(visit, 'recover-proof');
  await prove(visit, person, answers);
  await visit.set('Correo electrónico', 'otra@correo.example');
  await visit.press('Continuar');
  await visit.press('Aceptar');
  await keep(visit, 'held');
  await visit.close();

  const fixed = await open();
  const inPerson = demo.person('nueva-presencial');
  await begin(fixed, GENERATE, inPerson);
  await prove(fixed, inPerson);
  await answerBank(fixed);
  await keep(fixed, 'contact-fixed');
  await fixed.press('Continuar');
  await fixed.press('Aceptar');
  const late = await demo.activation(inPerson.correo);
  await demo.advance('4m');
  await fixed.goto(late.link);
  await keep(fixed, 'link-expired');
  await openLinkAgain(fixed, inPerson);
  await fixed.close();
}

// openLinkAgain asks for another mail from the page of an expired link.
async function openLinkAgain(visit, person) {
  await visit.press('Enviar de nuevo');
  const next = await demo.activation(person.correo);
  await openLink(visit, next);
  await keep(visit, 'clave-fixed');
}

async function walkGuia() {
  const visit = await Visit.open(browser, demo, { inspect: 'none' });
  const person = demo.person('nueva');
  const address = 'persona@correo.example';
  await begin(visit, GENERATE, person);
  await keep(visit, 'proof-date');
  await visit.press('Continuar');
  await keep(visit, 'proof-date-refused');
  const { day, month } = birthday(person);
  await visit.set('Día', day);
  await visit.set('Mes', month);
  await visit.set('Año', person.nacimiento.slice(0, 4));
  await visit.press('Continuar');
  await keep(visit, 'proof-date-review');
  await visit.press('Aceptar');
  await visit.press('Continuar');
  await keep(visit, 'security-refused');
  const own = await securityPage(visit, { image: 'Colibrí', phone: '099 123 4567', address });
  await keep(visit, 'security');
  await visit.press('Continuar');
  await keep(visit, 'security-review');
  await visit.press('Aceptar');
  await openLink(visit, await demo.activation(address));
  await fillClave(visit, CLAVE);
  await visit.press('Generar');
  await finish(visit);
  await begin(visit, RECOVER, person);
  await keep(visit, 'proof-date-recover');
  await proveDate(visit, person);
  await visit.set('Correo electrónico', address);
  await visit.press('Continuar');
  await visit.press('Aceptar');
  await openLink(visit, await demo.activation(address));
  await keep(visit, 'own-question');
  await answerOwn(visit, { ...own, answer: 'no me acuerdo' });
  await keep(visit, 'own-question-refused');
  await visit.close();
}

async function walkReforzada() {
  const visit = await Visit.open(browser, demo, { inspect: 'none' });
  await begin(visit, GENERATE, demo.person('nueva'));
  await keep(visit, 'proof-code');
  await giveCode(visit, demo.person('nueva'), 'corto');
  await keep(visit, 'proof-code-refused');
  await visit.close();
  const without = await Visit.open(browser, demo, { inspect: 'none' });
  const person = demo.person('nueva-presencial');
  const { day, month } = birthday(person);
  await begin(without, GENERATE, person);
  await without.set('Día', day);
  await without.set('Mes', month);
  await without.press('Continuar');
  await keep(without, 'proof-no-code');
  await without.close();
  const late = await Visit.open(browser, demo, { inspect: 'none' });
  await begin(late, RECOVER, demo.person('con-clave'));
  await keep(late, 'proof-mail');
  await giveCode(late, demo.person('con-clave'));
  await keep(late, 'untold');
  await demo.advance('16m');
  await late.page.reload();
  await keep(late, 'untold-over');
  await late.goto('/demo/personas');
  await keep(late, 'people-with-codes');
  await late.close();
}
