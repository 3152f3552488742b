// The browser, and one person's use of it: every page they see is inspected.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import axe from 'axe-core';
import { chromium } from 'playwright-core';

export const PHONE = { width: 320, height: 640 };
export const DESK = { width: 1280, height: 800 };
const FRAME_WITHIN = 1_000;

// The spacing that a page must bear without losing anything (WCAG 2.2, 1.4.12). It is
// also broader than any font that a machine may have.
const SPACED = '* { letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }';

// options are Playwright's for a launch.
export function openBrowser(options = {}) {
  return chromium.launch({
    ...options,
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-quic',
    ],
  });
}

// named matches an accessible name exactly, in whatever case.
export function named(text) {
  return new RegExp(`^\\s*${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*$`, 'i');
}

// What axe looks at in each colour scheme: where the colours are dark everything else is
// as it was.
const SCHEMES = [['light', {}], ['dark', { runOnly: ['color-contrast', 'link-in-text-block'] }]];

// runAxe runs in the page: rules of axe, in one colour scheme and one width. The
// page takes these a moment after it was told, so a run counts only if they held
// from its beginning to its end.
async function runAxe([scheme, width, rules]) {
  const media = matchMedia(`(prefers-color-scheme: ${scheme}) and (width: ${width}px)`);
  let changed = false;
  media.addEventListener('change', () => { changed = true; });
  for (let tries = 0; tries < 200; tries++) {
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    if (!media.matches) continue;
    changed = false;
    // What is in order is not even put together: only violations are read.
    const results = await window.axe.run(document, { resultTypes: ['violations'], ...rules });
    await new Promise((drawn) => requestAnimationFrame(drawn));
    if (media.matches && !changed) {
      return results.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' | ')}`);
    }
  }
  throw new Error(`the page never became ${scheme} and ${width} px wide`);
}

// wear runs in the page: a style sheet besides the page's own. New styles, and those of a
// new width, hold after the second frame and not always before it, whatever matchMedia says.
export async function wear(styles) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles);
  document.adoptedStyleSheets = [sheet];
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}

// What was inspected: one page is looked at once, by whichever file of tests comes to it
// first if INSPECTED names a folder, empty at their beginning, that they share.
const inspected = new Set();

function inspectedBefore(look) {
  const folder = process.env.INSPECTED;
  if (inspected.has(look) || !folder) {
    return inspected.has(look) || !inspected.add(look);
  }
  inspected.add(look);
  try {
    writeFileSync(join(folder, createHash('sha256').update(look).digest('hex')), look, { flag: 'wx' });
    return false;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return true;
  }
}

// What visits that are over left for the next ones with the same options, by their
// browser: making a context and its first page takes four fifths of a short visit.
const left = new WeakMap();

function leftIn(browser, options) {
  if (!left.has(browser)) left.set(browser, new Map());
  const key = JSON.stringify(options);
  if (!left.get(browser).has(key)) left.get(browser).set(key, []);
  return left.get(browser).get(key);
}

// Visit is one person with a browser of their own: cookies, tabs, and a list of
// everything that went wrong behind the pages. Of who came before them there is nothing
// in it but files, which are the same for everybody, and a page that says nothing.
export class Visit {
  faults = [];
  language = 'es'; // which the pages are to be in

  // options are Playwright's for a context. inspect says which pages are
  // inspected: 'all', 'refusals' where the way there is inspected elsewhere, 'width'
  // for whether they fit, or 'none'. fresh is for a test that changes the context itself,
  // such as its clock: nobody gets it afterwards.
  static async open(browser, demo, { inspect = 'all', fresh = false, ...options } = {}) {
    const visit = new Visit();
    visit.demo = demo;
    visit.inspects = inspect;
    visit.language = (options.locale ?? 'es').slice(0, 2);
    const all = { baseURL: demo.url, locale: 'es-EC', viewport: DESK, reducedMotion: 'reduce', ...options };
    visit.left = fresh || all.storageState ? undefined : leftIn(browser, all);
    const ready = visit.left?.pop();
    visit.context = ready?.context() ?? await browser.newContext(all);
    if (ready) {
      await Promise.all([ready.setViewportSize(all.viewport), ready.emulateMedia({ media: null, colorScheme: null })]);
      visit.page = visit.listen(ready);
    } else {
      visit.context.setDefaultTimeout(8_000);
      visit.page = await visit.newTab();
    }
    return visit;
  }

  async newTab() {
    return this.listen(await this.context.newPage());
  }

  // listen notes what goes wrong behind a page.
  listen(page) {
    page.on('pageerror', (error) => this.faults.push(`script: ${error.message}`));
    page.on('console', (message) => {
      // Chromium says so of every refused form; what is no page is noted below.
      const status = message.text().startsWith('Failed to load resource: the server responded with a status of');
      if (['error', 'warning'].includes(message.type()) && !status) {
        this.faults.push(`console: ${message.text()}`);
      }
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.origin !== this.demo.url && !['data:', 'blob:', 'about:'].includes(url.protocol)) {
        this.faults.push(`request to another origin: ${url.origin}`);
      }
    });
    page.on('response', (response) => {
      if (response.status() >= 400 && response.request().resourceType() !== 'document') {
        this.faults.push(`${response.status()} for ${new URL(response.url()).pathname}`);
      }
      if (response.status() >= 500) {
        this.faults.push(`${response.status()} for the page ${new URL(response.url()).pathname}`);
      }
    });
    return page;
  }

  // close ends the visit; nothing may have gone wrong in it.
  async close() {
    await this.leave().catch(() => this.context.close());
    assert.deepEqual(this.faults, []);
  }

  // leave makes place for the next one, or fails.
  async leave() {
    assert.ok(this.left, 'nobody follows');
    for (const page of this.context.pages()) {
      if (page !== this.page) await page.close();
    }
    await this.page.goto('/robots.txt'); // not a page, and of the same process
    await this.context.clearCookies();
    for (const event of ['pageerror', 'console', 'request', 'response', 'dialog', 'framenavigated']) {
      this.page.removeAllListeners(event);
    }
    this.left.push(this.page);
  }

  get main() {
    return this.page.getByRole('main');
  }

  get path() {
    return new URL(this.page.url()).pathname;
  }

  button(name) {
    return this.main.getByRole('button', { name: named(name) });
  }

  // field is a text field, list, checkbox or secret by its label.
  field(name) {
    return this.main.getByLabel(named(name));
  }

  group(name) {
    return this.main
      .getByRole('group', { name: named(name) })
      .or(this.main.getByRole('radiogroup', { name: named(name) }));
  }

  async goto(address) {
    const response = await this.page.goto(address);
    return this.arrived(response);
  }

  // press presses a button and waits for the page that it leads to. It returns
  // that page's answer, after redirects.
  press(name) {
    return this.leads(() => this.button(name).click());
  }

  // leads does something that leads to a page.
  async leads(action) {
    const [response] = await Promise.all([this.page.waitForNavigation({ waitUntil: 'load' }), action()]);
    return this.arrived(response);
  }

  async arrived(response) {
    this.response = response;
    const status = response?.status();
    if (this.inspects === 'all' || (this.inspects === 'refusals' && status >= 400)) {
      await this.inspect(status);
    } else if (this.inspects === 'width') {
      assert.deepEqual(await this.tooWide(), [], this.path);
    }
    return response;
  }

  // set fills a field, or chooses from a list; both take a number.
  async set(name, value) {
    const field = this.field(name);
    if (await field.evaluate((element) => element.tagName === 'SELECT')) {
      await field.selectOption(String(value));
    } else {
      await field.fill(String(value));
    }
  }

  async choose(group, option) {
    await this.group(group).getByRole('radio', { name: named(option) }).check();
  }

  // refused asserts a page that says what is wrong.
  async refused(status) {
    assert.equal(this.response.status(), status);
    await this.main.getByRole('heading', { name: named('Hay un problema') }).waitFor();
  }

  // inspect holds a page, once for each of its looks, against what is true of
  // all of them. A look is what it is called and says is wrong, and of what it is made.
  async inspect(status = this.response.status()) {
    const look = await this.page.evaluate(() => [
      document.title, document.documentElement.lang, document.querySelector('h1')?.textContent.trim(),
      ...[...document.querySelectorAll('main [role=alert] li')].map((item) => item.textContent.trim()),
      [...new Set([...document.body.querySelectorAll('*')].flatMap((element) => [element.localName, ...element.classList]))].sort().join(' '),
    ]);
    if (inspectedBefore(JSON.stringify([status, this.path.split('/').slice(0, 4), look]))) {
      return;
    }
    const where = `${this.path} (${status}) ${look[0]}`;
    const problems = await this.page.evaluate((language) => {
      const found = [];
      if (document.querySelectorAll('main').length !== 1) found.push('not exactly one <main>');
      if (document.querySelectorAll('h1').length !== 1) found.push('not exactly one h1');
      if (!document.documentElement.lang.startsWith(language)) found.push(`the language is not ${language}`);
      if (!document.title.trim()) found.push('no title');
      return found;
    }, this.language);
    problems.push(...(await this.sameNames()));
    const size = this.page.viewportSize();
    problems.push(...(await this.misfits()));
    await this.bringAxe();
    for (const [colorScheme, rules] of SCHEMES) {
      await this.page.emulateMedia({ colorScheme });
      const violations = await this.page.evaluate(runAxe, [colorScheme, size.width, rules]);
      problems.push(...violations.map((violation) => `axe, ${colorScheme}: ${violation}`));
    }
    await this.page.emulateMedia({ colorScheme: null });
    assert.deepEqual(problems, [], where);
  }

  // bringAxe puts axe-core into the page and its frames.
  async bringAxe() {
    const main = this.page.mainFrame();
    for (const frame of this.page.frames()) {
      const brought = frame.evaluate(axe.source);
      if (frame === main) {
        await brought;
      } else { // one that lets no script run may never answer
        await Promise.race([brought.catch(() => {}), pause(FRAME_WITHIN, undefined, { ref: false })]);
      }
    }
  }

  // sameNames finds controls of <main> that a person could not tell apart. Radios
  // are told apart by their group.
  async sameNames() {
    const tree = await this.main.ariaSnapshot();
    const seen = new Set();
    const twice = [];
    for (const [, control] of tree.matchAll(/^\s*- ((?:button|textbox|checkbox|combobox|spinbutton) "(?:[^"\\]|\\.)*")/gm)) {
      if (seen.has(control)) twice.push(`two controls: ${control}`);
      seen.add(control);
    }
    return twice;
  }

  // misfits finds what makes a page scroll sideways on a telephone: as it is, and with
  // its letters apart.
  async misfits() {
    const size = this.page.viewportSize();
    const problems = [];
    await this.page.setViewportSize(PHONE);
    for (const [prefix, styles] of [['', ''], ['letters apart: ', SPACED]]) {
      await this.page.evaluate(wear, styles);
      problems.push(...(await this.tooWide()).map((problem) => prefix + problem));
    }
    await this.page.evaluate(wear, '');
    await this.page.setViewportSize(size);
    return problems;
  }

  // tooWide finds what makes a page scroll sideways.
  tooWide() {
    return this.page.evaluate(() => {
      const width = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= width) return [];
      const wide = [...document.body.querySelectorAll('*')]
        .filter((element) => element.getBoundingClientRect().right > width + 0.5)
        .map((element) => element.outerHTML.slice(0, 120));
      return [`scrolls sideways at ${width} px: ${wide.slice(-3).join(' | ')}`];
    });
  }
}
