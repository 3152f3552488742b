// The page that waits tells by itself when the mail left.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Visit, openBrowser } from './support/browser.mjs';
import { startDemo } from './support/demo.mjs';
import { GENERATE, untilMail } from './support/journey.mjs';
import { slowRelay } from './support/relay.mjs';

describe('while the mail waits', () => {
  let browser, demo, relay;
  before(async () => {
    relay = await slowRelay();
    [browser, demo] = await Promise.all([
      openBrowser(),
      startDemo({ args: ['--smtp', relay.address] }),
    ]);
  });
  after(async () => {
    await browser?.close();
    await relay?.close(); // before the program, which would wait for the relay
    await demo?.stop();
  });

  test('the page changes in place when the relay takes the mail', async () => {
    const visit = await Visit.open(browser, demo, { inspect: 'none' });
    await untilMail(visit, GENERATE, demo.withoutClave(), { address: demo.mailbox() });
    let loads = 0;
    visit.page.on('framenavigated', () => loads++);
    const status = visit.page.locator('[data-status-text]');
    const before = await status.innerText();
    assert.match(before, /\S/);
    await visit.set('Código', '12');

    await relay.mail;
    relay.accept();
    await visit.page.waitForFunction(
      (was) => document.querySelector('[data-status-text]').innerText !== was, before);
    assert.match(await visit.main.innerText(), /\b\d{1,2}:\d{2}\b/, 'until when it is valid');
    assert.equal(await visit.field('Código').inputValue(), '12', 'what was typed is lost');
    assert.equal(loads, 0, 'the page reloaded itself');
    await visit.close();
  });
});
