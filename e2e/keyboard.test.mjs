// The whole journey by keyboard alone.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Visit, named, openBrowser } from './support/browser.mjs';
import { startDemo } from './support/demo.mjs';
import {
  AUDIENCES, CLAVE, DECLARATION, DOCUMENTS, FIRST_PAGE, GENERATE, NUMBER,
  birthday, questions,
} from './support/journey.mjs';

const MOST_TABS = 80;

describe('by keyboard alone', () => {
  let browser, demo;
  before(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo()]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  // Hands is a person who has nothing but keys.
  class Hands {
    constructor(visit) {
      this.visit = visit;
      this.keys = visit.page.keyboard;
    }

    // reach goes with Tab to a control, which must show that it has the focus.
    async reach(control) {
      const there = () => control.evaluateAll((list) => list.includes(document.activeElement));
      for (let i = 0; i < MOST_TABS && !(await there()); i++) {
        await this.keys.press('Tab');
      }
      assert.ok(await there(), `Tab never reaches ${control}`);
      await this.shown();
    }

    // shown asserts that the focus can be seen: an outline or a shadow on the
    // control, or on what is drawn for it beside it.
    async shown() {
      const seen = await this.visit.page.evaluate(() => {
        const focused = document.activeElement;
        const drawn = (style) =>
          (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
        return [
          getComputedStyle(focused),
          ...[...(focused.labels ?? [])].flatMap((label) => [getComputedStyle(label), getComputedStyle(label, '::before')]),
        ].some(drawn);
      });
      assert.ok(seen, `the focus cannot be seen on ${this.visit.path}`);
    }

    async type(name, text) {
      const field = this.visit.field(name);
      await this.reach(field);
      if (await field.evaluate((element) => element.tagName === 'SELECT')) {
        await this.pick(field, text);
      } else {
        await this.keys.type(String(text));
      }
    }

    // pick chooses in a list with the arrows, by value or by words.
    async pick(field, wanted) {
      const chosen = () => field.evaluate((list, want) =>
        [list.value, list.selectedOptions[0].textContent.trim()].includes(want), String(wanted));
      await this.keys.press('Home');
      for (let i = 0; i < 150 && !(await chosen()); i++) {
        await this.keys.press('ArrowDown');
      }
      assert.ok(await chosen(), `the arrows never reach ${wanted}`);
    }

    // choose goes to a group of radios and within it with the arrows.
    async choose(group, option) {
      const radios = this.visit.group(group).getByRole('radio');
      const wanted = this.visit.group(group).getByRole('radio', { name: named(option) });
      await this.reach(radios);
      const n = await radios.count();
      for (let i = 0; i <= n && !(await wanted.evaluate((radio) => radio === document.activeElement)); i++) {
        await this.keys.press('ArrowDown');
      }
      if (!(await wanted.isChecked())) {
        await this.keys.press('Space');
      }
      assert.ok(await wanted.isChecked(), `${group}: ${option}`);
    }

    async press(name) {
      await this.reach(this.visit.button(name));
      return this.visit.leads(() => this.keys.press('Enter'));
    }
  }

  test('generate, with a fault on the way', async () => {
    const person = demo.person('nueva');
    const address = demo.mailbox();
    const visit = await Visit.open(browser, demo, { inspect: 'none' });
    const hands = new Hands(visit);
    await visit.goto(FIRST_PAGE);

    // A first Tab offers to skip what every page repeats.
    await hands.keys.press('Tab');
    await hands.shown();

    await hands.choose('¿Qué necesita?', GENERATE);
    await hands.choose('Documento', DOCUMENTS[person.tipo]);
    await hands.choose('Soy', AUDIENCES[person.audiencias[0]]);
    await hands.type(NUMBER, '123');
    await hands.press('Buscar');
    await visit.refused(422);
    const summary = visit.main.locator('[data-module="govuk-error-summary"], .govuk-error-summary');
    assert.ok(await summary.first().evaluate((box) => box.contains(document.activeElement)), 'the summary has the focus');
    await hands.shown();

    // Enter on the summary's link leads to the field.
    await hands.reach(visit.main.getByRole('alert').getByRole('link').first());
    await hands.keys.press('Enter');
    await hands.reach(visit.field(NUMBER));
    await hands.keys.press('Control+A');
    await hands.keys.type(person.numero);
    await visit.leads(() => hands.keys.press('Enter'));

    const { day, month } = birthday(person);
    await hands.type('Día', day);
    await hands.type('Mes', month);
    for (const { text, kind } of await questions(visit)) {
      const answer = person.respuestas[text];
      await (kind === 'radios' ? hands.choose(text, answer) : hands.type(text, answer));
    }
    await hands.press('Continuar');
    assert.equal(visit.response.status(), 200);
    await hands.press('Aceptar');
    assert.equal(visit.response.status(), 200);

    const bank = await questions(visit);
    for (const [i, answer] of ['Tulipán azul', 'Quinua tostada', 'Cometa verde'].entries()) {
      await hands.type(bank[i].text, answer);
    }
    await hands.press('Continuar');
    await hands.type('Correo electrónico', address);
    await hands.press('Continuar');
    await hands.press('Aceptar');

    const mail = await demo.activation(address);
    await hands.type('Código', mail.code);
    await hands.press('Continuar');
    await hands.reach(visit.field(DECLARATION));
    await hands.keys.press('Space');
    assert.ok(await visit.field(DECLARATION).isChecked());
    await hands.type('Nueva clave', CLAVE);
    await hands.type('Repita la nueva clave', CLAVE);
    await hands.press('Generar');
    assert.equal(visit.response.status(), 200);

    const end = visit.main
      .getByRole('button', { name: named('Finalizar') })
      .or(visit.main.getByRole('link', { name: named('Finalizar') }));
    await hands.reach(end);
    await visit.leads(() => hands.keys.press('Enter'));
    assert.equal(visit.path, '/ingresar');
    await visit.close();
  });
});
