// The captcha, solved for real.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Visit, named, openBrowser } from './support/browser.mjs';
import { startDemo } from './support/demo.mjs';
import { FIRST_PAGE, RECOVER, fillFirstPage } from './support/journey.mjs';

describe('«No soy un robot»', () => {
  let browser, demo;
  before(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo({ set: ['captcha_cost=1'] })]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  const box = (visit) => visit.main.getByRole('checkbox', { name: named('No soy un robot') });
  const solution = (visit) => visit.main.locator('form input[name=altcha]');

  async function open() {
    const visit = await Visit.open(browser, demo, { inspect: 'refusals' });
    const sent = [];
    visit.page.on('request', (request) => {
      if (request.method() === 'POST') {
        sent.push(request.url());
      }
    });
    return { visit, sent };
  }

  test('is in the document when it has loaded, and Space solves it', async () => {
    const { visit } = await open();
    await visit.page.goto(FIRST_PAGE, { waitUntil: 'load' });
    assert.equal(await box(visit).count(), 1);
    assert.equal(await box(visit).isChecked(), false);
    await visit.inspect(200);
    await fillFirstPage(visit, RECOVER, demo.person('con-clave'));
    await box(visit).focus();
    await visit.page.keyboard.press('Space');
    await visit.page.waitForFunction(() => document.querySelector('form input[name=altcha]')?.value);
    await visit.press('Buscar');
    assert.equal(visit.response.status(), 200);
    await visit.field('Día').waitFor();
    await visit.close();
  });

  test('a click on its words solves it too', async () => {
    const { visit } = await open();
    await visit.goto(FIRST_PAGE);
    await visit.main.getByText('No soy un robot', { exact: true }).click();
    await visit.page.waitForFunction(() => document.querySelector('form input[name=altcha]')?.value);
    await visit.close();
  });

  test('«Buscar» alone solves it and sends once, pressed twice too', async () => {
    const { visit, sent } = await open();
    await visit.goto(FIRST_PAGE);
    await fillFirstPage(visit, RECOVER, demo.person('con-clave'));
    // In one go: by the time of another click the page may be gone.
    await visit.leads(() => visit.button('Buscar').dblclick({ noWaitAfter: true }));
    assert.equal(visit.response.status(), 200);
    await visit.field('Día').waitFor();
    assert.equal(sent.length, 1);
    await visit.close();
  });

  test('a form without solution, with a false or a used one is refused with a new challenge', async () => {
    const { visit } = await open();
    await visit.goto(FIRST_PAGE);
    const fields = await visit.main.locator('form').evaluate((form) =>
      Object.fromEntries(new FormData(form)));
    await fillFirstPage(visit, RECOVER, demo.person('con-clave'));
    const typed = await visit.main.locator('form').evaluate((form) => Object.fromEntries(new FormData(form)));
    const post = async (altcha) => {
      const reply = await visit.context.request.post(FIRST_PAGE, {
        form: { ...fields, ...typed, altcha }, maxRedirects: 0,
      });
      return { status: reply.status(), challenge: /challenge="([^"]+)"/.exec(await reply.text())?.[1] };
    };
    const challenges = new Set();
    for (const altcha of ['', 'x', Buffer.from('{}').toString('base64')]) {
      const { status, challenge } = await post(altcha);
      assert.equal(status, 422);
      assert.ok(challenge, 'no challenge');
      challenges.add(challenge);
    }
    await box(visit).focus();
    await visit.page.keyboard.press('Space');
    await visit.page.waitForFunction(() => document.querySelector('form input[name=altcha]')?.value);
    const solved = await solution(visit).inputValue();
    assert.equal((await post(solved)).status, 303);
    const again = await post(solved);
    assert.equal(again.status, 422);
    challenges.add(again.challenge);
    assert.equal(challenges.size, 4, 'a challenge was given twice');
    await visit.close();
  });

  test('without scripts the page names the other ways', async () => {
    const visit = await Visit.open(browser, demo, { javaScriptEnabled: false, inspect: 'none' });
    await visit.goto(FIRST_PAGE);
    assert.match(await visit.main.locator('noscript').innerText(), /\S/);
    await visit.close();
  });
});
