// The public figures, as somebody reads them who is no program.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Visit, named, openBrowser } from './support/browser.mjs';
import { startDemo } from './support/demo.mjs';
import { CLAVE, GENERATE, begin, generate } from './support/journey.mjs';

const HOUR = 3_600_000;
const ZONE = -5 * HOUR; // Ecuador's, all the year
const MONTHS = ['enero', 'febrero', 'marzo', 'abril', 'mayo', 'junio', 'julio', 'agosto', 'septiembre', 'octubre', 'noviembre', 'diciembre'];

let browser, demo;
before(async () => {
  [browser, demo] = await Promise.all([openBrowser(), startDemo()]);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

test('the figures are found from the door, add up, and are drawn for everybody', async () => {
  const visit = await Visit.open(browser, demo, { inspect: 'none' });
  const { page } = visit;
  await visit.goto('/');
  await visit.leads(() => page.getByRole('contentinfo').getByRole('link', { name: 'Transparencia' }).click());
  await visit.inspect();
  const rows = await visit.main.locator('table').first().locator('tbody tr').allInnerTexts();
  assert.equal(rows.length, 28);
  const number = (text) => Number(text.trim().split(/\s+/).at(-1).replaceAll('.', ''));
  assert.equal(rows.reduce((sum, row) => sum + number(row), 0), 1_478_647);
  assert.equal(number(await visit.main.locator('tfoot tr').first().innerText()), 1_478_647);
  assert.match(rows[0], /abril de 2026/);
  await visit.main.getByText(/^No hay datos de mayo de 2026/).waitFor(); // up to yesterday

  const chart = visit.main.getByRole('img', { name: /Atenciones por mes, de enero de 2024 a abril de 2026.*agosto de 2025/ });
  assert.equal(await chart.locator('rect').count(), 28);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const [bar, ground] = await chart.evaluate((svg) => [
      getComputedStyle(svg.querySelector('rect')).fill, getComputedStyle(document.body).backgroundColor,
    ]);
    assert.notEqual(bar, ground, `${colorScheme}: the bars are not to be seen`);
  }

  for (const [file, wanted] of [['CSV', /^anio,mes,quejas,atenciones,estado\n2024,1,0,43651,anterior\n/], ['JSON', /"atenciones": 1478647/]]) {
    const href = await visit.main.getByRole('link', { name: new RegExp(`${file}\\)$`) }).first().getAttribute('href');
    assert.match(await (await page.request.get(href)).text(), wanted);
  }
  await visit.close();
});

test('a month goes by: it is closed with what was done in it, signed, and the next one is open', async () => {
  // The clock stands at noon of the tenth of the month after this one.
  const today = new Date(Date.now() + ZONE);
  const noon = (month, day) => Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + month, day, 12) - ZONE;
  let now = Date.now();
  const moveTo = async (then) => {
    await demo.advance(`${Math.ceil((then - now) / 1000)}s`);
    now = then;
  };
  const monthOf = (moment) => {
    const local = new Date(moment + ZONE);
    return `${MONTHS[local.getUTCMonth()]} de ${local.getUTCFullYear()}`;
  };
  await moveTo(noon(1, 10));
  const [month, next] = [monthOf(noon(1, 10)), monthOf(noon(2, 10))];

  // Eight attentions, one of them a whole journey; one that is begun and left, one of
  // nobody; a complaint that a mail confirms, and one that nobody does.
  const visit = await Visit.open(browser, demo, { inspect: 'none' });
  const { page, main } = visit;
  await generate(visit, demo.withoutClave());
  const person = demo.withClave();
  let clave = person.clave;
  const change = async () => {
    const fresh = `${CLAVE} ${now}`.slice(0, 40) + (clave.endsWith('a') ? 'b' : 'a');
    const reply = await fetch(`${demo.url}/clave/cambiar`, {
      method: 'POST', redirect: 'manual',
      body: new URLSearchParams({ documento: person.tipo, numero: person.numero, actual: clave, clave: fresh, repita: fresh, acuerdo: 'si' }),
    });
    assert.equal(reply.status, 303);
    clave = fresh;
  };
  for (let changes = 0; changes < 7; changes++) {
    await change();
  }
  await begin(visit, GENERATE, demo.withoutClave());
  await begin(visit, 'Recuperar mi clave', { tipo: 'cedula', numero: demo.nobodysNumber() });
  for (const correo of ['ana.cifras@correo.example', '']) {
    const reply = await fetch(`${demo.url}/quejas`, {
      method: 'POST', redirect: 'manual', body: new URLSearchParams({ tipo: 'complaint', asunto: 'other', texto: 'No me llegó el correo', correo }),
    });
    assert.equal(reply.status, 303);
  }
  const mail = await demo.nextMail('ana.cifras@correo.example', 'Confirme lo que escribió a la institución');
  await visit.goto(mail.texto.match(/http\S+\/quejas\/confirmar\/\S+/)[0]);
  await visit.press('Confirmar');

  const rows = (caption) => main.getByRole('table', { name: caption }).locator('tbody tr').evaluateAll((all) =>
    all.map((row) => [...row.cells].map((cell) => cell.textContent.replace(/\s+/g, ' ').trim())));
  const byMonth = /Quejas y atenciones por mes/;
  await moveTo(noon(1, 11));
  await visit.goto('/transparencia');
  assert.deepEqual((await rows(byMonth))[0], [`${month} provisional`, '1', '8']);
  assert.match(await main.innerText(), /Todavía no hay ningún mes cerrado/);

  await moveTo(noon(2, 3));
  for (let waited = 0; (await fetch(`${demo.url}/transparencia.csv`).then((reply) => reply.text())).match(/cerrado/) === null; waited += 50) {
    assert.ok(waited < 10_000, 'the month was not closed');
    await pause(50);
  }
  await change();
  await moveTo(noon(2, 4));
  await visit.goto('/transparencia');
  assert.deepEqual((await rows(byMonth)).slice(0, 3), [
    [`${next} provisional`, '0', '1'], [`${month} cerrado`, '1', '8'], ['abril de 2026 anterior', '0', '65.605'],
  ]);
  assert.equal((await main.locator('tfoot tr').first().innerText()).split(/\s+/).at(-1), '1.478.656');
  await main.getByText('Ver la tabla por día').click();
  assert.deepEqual(await rows(new RegExp(`por día, ${next}`)), [[`3 de ${next}`, '0', '1']]);
  await main.getByRole('heading', { name: named(`En detalle: ${month}`) }).waitFor();
  assert.deepEqual(await rows(`Atenciones por trámite, ${month}`), [
    ['Cambio de clave', '10'], // and one generated: too few to be told
  ]);
  assert.equal(await main.getByText('Trámites que no terminaron').count(), 0);
  assert.match(await main.innerText(), /Quejas que nadie confirmó, aparte de las contadas: menos de 5\./);
  // The chart has three years: of the given months those, and the two new ones.
  const count = (year, month) => year * 12 + month;
  const last = count(today.getUTCFullYear(), today.getUTCMonth() + 2);
  const given = count(2026, 3) - Math.max(count(2024, 0), last - 35) + 1;
  const chart = main.getByRole('img', { name: new RegExp(`Atenciones por mes, de .* a ${next} Una barra por mes`) });
  assert.equal(await chart.locator('rect').count(), given + 2);
  assert.equal(await chart.locator('rect.al-plot__bar--open').count(), 1);
  assert.equal(await main.getByRole('img', { name: new RegExp(`Atenciones por día, ${next}.*3 de ${next}: 1\\.`) }).locator('rect').count(), 1);
  await visit.inspect();
  assert.match(await (await fetch(`${demo.url}/transparencia.csv?por=dia`)).text(), /\n\d{4}-\d{2}-10,1,8\n\d{4}-\d{2}-03,0,1\n$/);

  // The program's own check holds; one figure that was changed behind it is named.
  assert.match(await verify(demo.data), /29/);
  const copy = await mkdtemp(join(tmpdir(), 'aldaba-e2e-figures-'));
  try {
    await cp(demo.data, copy, { recursive: true, filter: (file) => !/aldaba\.db/.test(file) });
    const file = join(copy, 'aldaba.db');
    await run('backup', '--data', demo.data, file);
    assert.match(await verify(copy), /29/);
    const database = await readFile(file);
    const figure = '{"complaints":1,"attentions":';
    const at = database.indexOf(`${figure}8,"days"`);
    assert.ok(at > 0, 'the record of the month is found');
    database.write('9', at + figure.length);
    await writeFile(file, database);
    await assert.rejects(verify(copy), (error) => {
      assert.match(error.stderr, /record 29: edited/);
      return true;
    });
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
  await visit.close();
});

// run gives what the program prints for a command.
function run(...args) {
  return new Promise((resolve, reject) => {
    execFile(process.env.ALDABA, args, (error, stdout, stderr) => (error ? reject(Object.assign(error, { stderr })) : resolve(stdout)));
  });
}

function verify(data) {
  return run('stats', 'verify', '--data', data);
}
