// What a page costs on a slow line: every byte that comes for it, counted on the way
// between the browser and the program.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { Visit, named, openBrowser } from './support/browser.mjs';
import { startDemo } from './support/demo.mjs';
import { FIRST_PAGE } from './support/journey.mjs';

// In bytes, with the headers of the answers.
const FIRST_FORM = 60_000;
const OTHER_PAGE = 30_000;

// Meter stands before a demo: what passes through it is counted and listed.
class Meter {
  static async before(demo) {
    const meter = new Meter();
    meter.server = createServer((question, answer) => {
      meter.asked.push(question.url.replace(/^\/static\/[0-9a-f]+\//, ''));
      const { hostname, port } = new URL(demo.url);
      const { method, url: path, headers } = question;
      question.pipe(request({ hostname, port, method, path, headers }, (found) => {
        answer.writeHead(found.statusCode, found.rawHeaders);
        found.pipe(answer);
      }));
    });
    meter.server.on('connection', (socket) => meter.sockets.push(socket));
    await new Promise((ready) => meter.server.listen(0, '127.0.0.1', ready));
    meter.url = `http://127.0.0.1:${meter.server.address().port}`;
    return meter;
  }

  asked = []; // paths; a file by its name
  sockets = [];

  get bytes() {
    return this.sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0);
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((closed) => this.server.close(closed));
  }
}

describe('what a page weighs', () => {
  let browser;
  let demo;
  before(async () => {
    [browser, demo] = await Promise.all([openBrowser(), startDemo({ set: ['captcha_cost=1'] })]);
  });
  after(async () => {
    await browser?.close();
    await demo?.stop();
  });

  // weigh loads a page as somebody does who was never there, does something on it, and
  // lets half an hour pass. It gives the bytes, and what was asked for until the page
  // stood and later; not the little picture that the browser shows in its own frame,
  // which it asks for when it likes.
  async function weigh(t, path, action = () => {}) {
    const meter = await Meter.before(demo);
    t.after(() => meter.close());
    const visit = await Visit.open(browser, meter, { inspect: 'none', fresh: true });
    t.after(() => visit.close());
    await visit.page.clock.install();
    await visit.goto(path);
    const loaded = meter.asked.length;
    await action(visit);
    await visit.page.clock.fastForward('30:00');
    await visit.page.evaluate(() => new Promise((drawn) => { requestAnimationFrame(drawn); }));
    const names = (list) => list.filter((name) => name !== 'favicon.svg').sort();
    return { bytes: meter.bytes, loaded: names(meter.asked.slice(0, loaded)), later: names(meter.asked.slice(loaded)) };
  }

  test('the first form, with the captcha solved', async (t) => {
    const { bytes, loaded, later } = await weigh(t, FIRST_PAGE, async (visit) => {
      await visit.main.getByRole('checkbox', { name: named('No soy un robot') }).click();
      await visit.main.locator('altcha-widget [data-state=verified]').waitFor();
    });
    assert.deepEqual(loaded, [FIRST_PAGE, 'aldaba.css', 'aldaba.js', 'altcha.js', 'logo.svg']);
    assert.deepEqual([...new Set(later)], ['altcha-worker.js']);
    assert.ok(bytes <= FIRST_FORM, `${bytes} bytes`);
    t.diagnostic(`${bytes} bytes`);
  });

  for (const path of ['/', '/transparencia']) {
    test(`the page ${path}`, async (t) => {
      const { bytes, loaded, later } = await weigh(t, path);
      assert.deepEqual(loaded, [path, 'aldaba.css', 'aldaba.js', 'logo.svg', 'public.css']);
      assert.deepEqual(later, []);
      assert.ok(bytes <= OTHER_PAGE, `${bytes} bytes`);
      t.diagnostic(`${bytes} bytes`);
    });
  }
});
