// What the policies guia and reforzada ask besides.

import { birthday } from './journey.mjs';

// proveDate passes the proof of guia: the whole birth date.
export async function proveDate(visit, person) {
  const { day, month } = birthday(person);
  await visit.set('Día', day);
  await visit.set('Mes', month);
  await visit.set('Año', person.nacimiento.slice(0, 4));
  await passProof(visit);
}

// giveCode passes the proof of reforzada; without a code, as a recover does.
export async function giveCode(visit, person, code) {
  const { day, month } = birthday(person);
  await visit.set('Día', day);
  await visit.set('Mes', month);
  if (code !== undefined) {
    await visit.set('Código de activación', code);
  }
  await passProof(visit);
}

// passProof presses on through the review, unless the page is refused.
async function passProof(visit) {
  await visit.press('Continuar');
  if (visit.response.status() === 200) {
    await visit.press('Aceptar');
  }
}

// securityPage fills the page behind the verdict of guia's first time, and gives
// question and answer.
export async function securityPage(visit, { image, phone, address, answer = 'Nube de cartón' }) {
  await visit.choose('Imagen de seguridad', image);
  await visit.field('Su pregunta').selectOption({ index: 3 });
  const question = await visit.field('Su pregunta').evaluate((list) => list.selectedOptions[0].textContent.trim());
  await visit.set('Respuesta', answer);
  await visit.set('Teléfono', phone);
  if (address) {
    await visit.set('Correo electrónico', address);
  }
  return { question, answer };
}

// answerOwn answers the own question behind the mailed link.
export async function answerOwn(visit, { question, answer }) {
  await visit.set(question, answer);
  await visit.press('Continuar');
}
