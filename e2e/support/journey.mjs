// The journey as a citizen walks it, in the words of its pages.

import assert from 'node:assert/strict';

import { named } from './browser.mjs';

export const FIRST_PAGE = '/clave/generar-recuperar';
export const GENERATE = 'Generar mi clave por primera vez';
export const RECOVER = 'Recuperar mi clave';
export const DECLARATION = 'Declaro que toda la información registrada es fidedigna';
export const NUMBER = 'Número de cédula o código de identificación';

// Two claves that nobody has: long, and made of no person's data.
export const CLAVE = 'guanábana tambor 74 llovizna';
export const OTHER_CLAVE = 'Colibrí-53-harina-mecedora';

export const DOCUMENTS = {
  cedula: 'Cédula',
  extranjero: 'Código de identificación para extranjeros',
  ruc: 'RUC',
};
export const AUDIENCES = {
  afiliado: 'Afiliado',
  pensionista: 'Pensionista',
  derechohabiente: 'Derechohabiente',
  empleador: 'Empleador',
};

// What anybody can answer to questions of their own.
const ANSWERS = ['Tulipán azul', 'Quinua tostada', 'Puente de madera', 'Cometa verde', 'Reloj parado',
  'Maleta vieja', 'Faro lejano', 'Sombrero roto', 'Guitarra muda', 'Vela encendida'];

export function birthday(person) {
  const [, month, day] = person.nacimiento.split('-').map(Number);
  return { day, month };
}

// begin fills the first page and presses «Buscar».
export async function begin(visit, need, person) {
  await visit.goto(FIRST_PAGE);
  await fillFirstPage(visit, need, person);
  await visit.press('Buscar');
}

export async function fillFirstPage(visit, need, person) {
  await visit.choose('¿Qué necesita?', need);
  await visit.choose('Documento', DOCUMENTS[person.tipo]);
  if (need === GENERATE) {
    await visit.choose('Soy', AUDIENCES[person.audiencias[0]]);
  }
  await visit.set(NUMBER, person.numero);
}

// questions reads the questions of the page, in their order: {text, kind} with
// kind radios, list or text.
export function questions(visit) {
  return visit.main.evaluate((main) => {
    const text = (node) => node.textContent.replace(/\s+/g, ' ').trim();
    const found = [];
    for (const control of main.querySelectorAll('input[type=radio], select, input[type=text]')) {
      const kind = { radio: 'radios', text: 'text' }[control.type] ?? 'list';
      const name = text(kind === 'radios' ? control.closest('fieldset').querySelector('legend') : control.labels[0]);
      if (!['Día', 'Mes', 'Año', 'Código'].includes(name) && found.at(-1)?.text !== name) {
        found.push({ text: name, kind });
      }
    }
    return found;
  });
}

// fillProof fills the proof page: birthday and answers, an object from question
// to answer. A question without an answer there gets just any.
export async function fillProof(visit, { day, month, answers }) {
  await visit.set('Día', day);
  await visit.set('Mes', month);
  const asked = await questions(visit);
  assert.ok(asked.length >= 3, `only ${asked.length} questions`);
  for (const [i, { text, kind }] of asked.entries()) {
    const answer = answers[text];
    if (kind === 'radios') {
      const radios = visit.group(text).getByRole('radio', answer ? { name: named(answer) } : {});
      await radios.first().check();
    } else if (kind === 'list') {
      await visit.field(text).selectOption(answer ? { label: answer } : { index: 2 });
    } else {
      await visit.field(text).fill(answer ?? ANSWERS[i]);
    }
  }
  return asked;
}

// prove passes the proof: page, review, verdict.
export async function prove(visit, person, answers = person.respuestas) {
  const asked = await fillProof(visit, { ...birthday(person), answers });
  for (const { text } of asked) {
    assert.ok(answers[text], `no answer to «${text}» is known`);
  }
  await visit.press('Continuar');
  const { response } = visit;
  assert.equal(response.status(), 200);
  await visit.press('Aceptar');
}

// answerBank answers the first three of the ten and gives what was answered.
export async function answerBank(visit) {
  const asked = await questions(visit);
  assert.equal(asked.length, 10);
  const answers = {};
  for (const [i, { text, kind }] of asked.slice(0, 3).entries()) {
    assert.equal(kind, 'text');
    answers[text] = ANSWERS[i];
    await visit.field(text).fill(ANSWERS[i]);
  }
  await visit.press('Continuar');
  return answers;
}

// giveAddress goes through contact and its review. Without an address the page
// must show a fixed one.
export async function giveAddress(visit, address) {
  const field = visit.main.getByRole('textbox', { name: named('Correo electrónico') });
  if (address) {
    await field.fill(address);
  } else {
    assert.equal(await visit.main.getByRole('textbox').count(), 0, 'an address on record cannot be edited');
  }
  await visit.press('Continuar');
  await visit.press('Aceptar');
  await visit.field('Código').waitFor();
}

// openLink follows the mailed link in the browser that waits.
export async function openLink(visit, mail) {
  await visit.goto(mail.link);
  assert.equal(visit.response.status(), 200);
  assert.equal(await visit.field('Día').count(), 0, 'this browser asked for the mail');
  assert.ok(!visit.page.url().includes(new URL(mail.link).pathname.split('/').at(-1)), 'the token stays in the address');
  await visit.press('Continuar');
}

export async function fillClave(visit, clave, repeat = clave) {
  await visit.field(DECLARATION).check();
  await visit.field('Nueva clave').fill(clave);
  await visit.field('Repita la nueva clave').fill(repeat);
}

// setClave fills the last page and goes to the end.
export async function setClave(visit, clave) {
  await fillClave(visit, clave);
  await visit.press('Generar');
  assert.equal(visit.response.status(), 200);
  await finish(visit);
}

export async function finish(visit) {
  await visit.main
    .getByRole('button', { name: named('Finalizar') })
    .or(visit.main.getByRole('link', { name: named('Finalizar') }))
    .waitFor();
  await visit.leads(() =>
    visit.main
      .getByRole('button', { name: named('Finalizar') })
      .or(visit.main.getByRole('link', { name: named('Finalizar') }))
      .click(),
  );
  assert.equal(visit.path, '/ingresar');
}

// untilMail goes from the first page to the page that waits for the mail.
// address: '' where the one on record is fixed. It gives the answers of the bank.
export async function untilMail(visit, need, person, { address, answers } = {}) {
  await begin(visit, need, person);
  await prove(visit, person, answers);
  const given = need === GENERATE ? await answerBank(visit) : answers;
  await giveAddress(visit, address);
  return given;
}

// generate walks the whole way to a first clave. It gives what a recover will
// ask for: the address and the personal answers.
export async function generate(visit, person, { clave = CLAVE } = {}) {
  const address = person.presencial ? '' : visit.demo.mailbox();
  const answers = await untilMail(visit, GENERATE, person, { address });
  const mail = await visit.demo.activation(address || person.correo);
  await openLink(visit, mail);
  await setClave(visit, clave);
  return { address, answers, mail };
}

// recover walks the whole way to a new clave.
export async function recover(visit, person, { address, answers, clave = OTHER_CLAVE }) {
  await untilMail(visit, RECOVER, person, { address, answers });
  const mail = await visit.demo.activation(address || person.correo);
  await openLink(visit, mail);
  await setClave(visit, clave);
  return { mail };
}
