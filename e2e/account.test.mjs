// Log in, log out, change of clave, unlock: what a clave opens, and what is done
// when it opens nothing.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Visit, openBrowser } from './support/browser.mjs';
import { linkNamed, startDemo } from './support/demo.mjs';
import { CLAVE, DOCUMENTS, NUMBER, OTHER_CLAVE } from './support/journey.mjs';

const AGREEMENT = 'He leído y acepto el acuerdo de uso de clave';

async function giveNumber(visit, person) {
  await visit.choose('Documento', DOCUMENTS[person.tipo]);
  await visit.set(NUMBER, person.numero);
}

async function logIn(visit, person, clave = person.clave) {
  await visit.goto('/ingresar');
  await giveNumber(visit, person);
  await visit.field('Clave').fill(clave);
  await visit.press('Ingresar');
}

// services are those that the account opens, by name.
function services(visit) {
  return visit.main.locator('section[aria-labelledby=servicios] .al-list a').allInnerTexts();
}

async function change(visit, { current, clave, repeat = clave, agree = true }) {
  await visit.field('Clave actual').fill(current);
  await visit.field('Nueva clave').fill(clave);
  await visit.field('Repita la nueva clave').fill(repeat);
  if (agree) {
    await visit.field(AGREEMENT).check();
  }
  await visit.press('Cambiar clave');
}

describe('log in, change, unlock', () => {
  let browser, demo;
  before(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo({ set: ['captcha_cost=1'] })]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  test('con-clave: logs in, sees the account, logs out, and back shows nothing', async () => {
    const person = demo.withClave();
    const visit = await Visit.open(browser, demo);
    await logIn(visit, person, 'no es la clave');
    await visit.refused(422);
    assert.equal(await visit.field('Clave').inputValue(), '', 'a secret is not shown again');
    assert.equal(await visit.field('Clave').getAttribute('autocomplete'), 'current-password');
    await logIn(visit, person);
    assert.equal(visit.path, '/mi-cuenta');
    const text = await visit.main.innerText();
    assert.ok(text.includes(person.nombres.split(' ')[0]) && text.includes('Nivel declarado'));
    await visit.press('Salir');
    assert.equal(visit.response.status(), 200);
    await visit.page.goBack({ waitUntil: 'load' });
    assert.ok(!(await visit.page.content()).includes(person.nombres.split(' ')[0]), 'the back button shows the account');
    await visit.close();
  });

  test('services: level 1 opens appointments, level 2 all of the audience, each by a link', async () => {
    const visit = await Visit.open(browser, demo);
    await logIn(visit, demo.person('con-clave'));
    assert.deepEqual(await services(visit), ['Agendamiento de citas']);
    assert.ok((await visit.main.innerText()).includes('Historia laboral'), 'those of a higher level are named');
    await visit.leads(() => visit.main.getByRole('link', { name: 'Ver oficinas y horarios' }).click());
    assert.equal(visit.path, '/ayuda');
    assert.equal(await visit.main.getByRole('link', { name: /^Ver en el mapa/ }).count(), 3);
    await visit.goto('/mi-cuenta');
    await visit.press('Salir');

    await logIn(visit, demo.person('con-clave-presencial'));
    const open = await services(visit);
    assert.ok(open.includes('Historia laboral') && open.includes('Registro de cuenta bancaria') && open.length > 8, open.join(', '));
    assert.ok(!(await visit.main.innerText()).includes('Servicios del nivel presencial'));
    await visit.leads(() => visit.main.getByRole('link', { name: 'Historia laboral' }).click());
    assert.equal(visit.path, '/demo/servicios/historia-laboral');
    await visit.leads(() => visit.main.getByRole('link', { name: 'Volver a mi cuenta' }).click());
    assert.equal(visit.path, '/mi-cuenta');
    await visit.close();
  });

  // Chromium keeps pages for the back button unless it is told not to, which
  // Playwright does by default.
  test('after «Salir» the back button shows nothing, not even from memory', async () => {
    const keeping = await openBrowser({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });
    try {
      const person = demo.withClave();
      const visit = await Visit.open(keeping, demo, { inspect: 'none' });
      await logIn(visit, person);
      for (const path of ['/mi-cuenta/historia', '/clave/cambiar', '/mi-cuenta']) {
        await visit.goto(path);
        assert.equal(visit.response.headers()['cache-control'], 'no-store', path);
      }
      await visit.press('Salir');
      const shown = [];
      for (let i = 0; i < 4; i++) {
        await visit.page.goBack({ waitUntil: 'load' });
        shown.push(new URL(visit.page.url()).pathname);
        const content = await visit.page.content();
        for (const secret of [person.nombres.split(' ')[0], 'Se ingresó a la cuenta', 'Dejar abiertas']) {
          assert.ok(!content.includes(secret), `back at ${shown.at(-1)}: ${secret}`);
        }
      }
      assert.ok(!shown.includes('/mi-cuenta') && !shown.includes('/mi-cuenta/historia'), `back leads to ${shown}`);
      await visit.close();
    } finally {
      await keeping.close();
    }
  });

  test('my history: by kind and day without a script, on paper, as a file', async () => {
    const person = demo.withClave();
    const visit = await Visit.open(browser, demo, { javaScriptEnabled: false, inspect: 'none', viewport: { width: 320, height: 640 } });
    await logIn(visit, person, 'no es la clave');
    await logIn(visit, person);
    await visit.goto('/mi-cuenta/historia');
    await visit.main.getByText('Ver solo una parte').click();
    await visit.field('Qué quiere ver').selectOption('Ingresos y salidas');
    await visit.field('Desde el día').fill('2020-01-31');
    await visit.press('Mostrar');
    assert.equal(visit.response.status(), 200);
    const acts = await visit.main.locator('dd').allInnerTexts();
    assert.ok(acts.length >= 2 && acts.every((act) => /ingresó|equivocada|cerró/.test(act)), acts.join('\n'));
    assert.equal(await visit.field('Desde el día').inputValue(), '2020-01-31');
    await visit.page.emulateMedia({ media: 'print' });
    for (const [text, seen] of [['Hecho el', true], ['Ver solo una parte', false], ['Salir', false], ['Descargar', false], [acts[0].split('\n')[0], true]]) {
      assert.equal(await visit.main.getByText(text).first().isVisible(), seen, `on paper: ${text}`);
    }
    assert.ok(await visit.page.locator('.al-masthead__org').isVisible());
    assert.ok(await visit.page.locator('.al-masthead__nav').isHidden());
    await visit.page.emulateMedia({ media: 'screen' });
    assert.ok(await visit.main.getByText('Hecho el').isHidden());
    const file = await visit.main.getByRole('link', { name: 'Descargar esta selección como tabla' }).getAttribute('href');
    const table = await (await visit.context.request.get(demo.url + file)).text();
    assert.equal(table.trim().split('\n').length, acts.length + 1);
    const scripted = await Visit.open(browser, demo);
    await scripted.context.addCookies(await visit.context.cookies());
    await scripted.goto('/mi-cuenta/historia?que=ingresos');
    assert.equal(scripted.response.status(), 200);
    await scripted.goto('/mi-cuenta/historia?desde=2026-03-06&hasta=2026-03-05');
    await scripted.refused(422);
    await scripted.close();
    await visit.close();
  });

  test('another session is closed from the account', async () => {
    const person = demo.withClave();
    const [here, there] = [await Visit.open(browser, demo), await Visit.open(browser, demo)];
    await logIn(there, person);
    await logIn(here, person);
    await here.leads(() => here.main.getByRole('button', { name: /^Cerrar/ }).click());
    await there.goto('/mi-cuenta');
    assert.equal(there.path, '/ingresar');
    await here.goto('/mi-cuenta');
    assert.equal(here.path, '/mi-cuenta');
    await here.close();
    await there.close();
  });

  test('the clave is changed without a session and inside one', async () => {
    const person = demo.withClave();
    const visit = await Visit.open(browser, demo);
    await visit.goto('/clave/cambiar');
    await giveNumber(visit, person);
    await change(visit, { current: person.clave, clave: 'corta', repeat: 'otra', agree: false });
    await visit.refused(422);
    await giveNumber(visit, person);
    await change(visit, { current: person.clave, clave: CLAVE });
    assert.equal(visit.response.status(), 200);
    await logIn(visit, person, CLAVE);
    await visit.leads(() => visit.main.getByRole('link', { name: 'Cambiar mi clave' }).click());
    assert.equal(await visit.field(NUMBER).count(), 0, 'nothing is asked twice');
    await change(visit, { current: CLAVE, clave: OTHER_CLAVE });
    assert.equal(visit.response.status(), 200);
    await visit.goto('/mi-cuenta');
    assert.equal(visit.path, '/mi-cuenta', 'the session that changed it goes on');
    await visit.close();
  });

  test('primera-clave: a clave from the counter opens the change and nothing else', async () => {
    const person = demo.person('primera-clave');
    const visit = await Visit.open(browser, demo);
    await logIn(visit, person);
    assert.equal(visit.path, '/clave/cambiar');
    assert.equal(await visit.field(NUMBER).inputValue(), person.numero, 'nothing is asked twice');
    await change(visit, { current: person.clave, clave: CLAVE });
    await logIn(visit, person, CLAVE);
    assert.equal(visit.path, '/mi-cuenta');
    await visit.close();
  });

  test('bloqueada-presencial: unlocks by mail and the old clave works again', async () => {
    const person = demo.person('bloqueada-presencial');
    const visit = await Visit.open(browser, demo);
    await logIn(visit, person);
    await visit.refused(429);
    await visit.goto('/clave/desbloquear');
    await giveNumber(visit, person);
    await visit.field('No soy un robot').click();
    await visit.press('Desbloquear');
    assert.equal(visit.response.status(), 200);
    const mail = await demo.nextMail(person.correo, 'DESBLOQUEO DE CLAVE');
    assert.ok(!/\d{6}/.test(mail.texto.replace(/https?:\S+/g, '')), 'the mail has a code');
    const elsewhere = await Visit.open(browser, demo);
    await elsewhere.goto(linkNamed(mail, 'CLIC PARA DESBLOQUEAR'));
    await elsewhere.press('Desbloquear mi clave');
    assert.equal(elsewhere.response.status(), 200);
    await logIn(elsewhere, person);
    assert.equal(elsewhere.path, '/mi-cuenta');
    assert.match((await demo.nextMail(person.correo)).asunto, /desbloqueó/);
    await elsewhere.goto(linkNamed(mail, 'CLIC PARA DESBLOQUEAR'));
    assert.equal(elsewhere.response.status(), 410);
    await elsewhere.close();
    await visit.close();
  });

  test('bloqueada: the same page, and no mail, for who was never seen', async () => {
    const person = demo.person('bloqueada');
    const visit = await Visit.open(browser, demo);
    const pages = [];
    for (const numero of [person.numero, demo.nobodysNumber()]) {
      await visit.goto('/clave/desbloquear');
      await giveNumber(visit, { ...person, numero });
      await visit.field('No soy un robot').click();
      await visit.press('Desbloquear');
      pages.push(await visit.main.innerText());
    }
    assert.equal(pages[0], pages[1]);
    assert.equal((await demo.mails(person.correo)).length, 0);
    await visit.close();
  });
});
