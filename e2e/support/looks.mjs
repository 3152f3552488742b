// What a page must bear besides what every page is inspected for: magnified, on paper,
// and by keyboard alone. Each gives what is wrong, as sentences.

import { DESK, PHONE, wear } from './browser.mjs';

// A window of 1280 pixels at 200 % is one of 640, and letters twice as large in a window
// that stays as it was are what a person sets who reads no small ones.
const ZOOMED = { width: 640, height: 400 };
const LARGE = ':root { font-size: 200% !important; }';

// What Chromium leaves of A4 between its own margins, at 96 pixels to the inch.
const PAPER = { width: 717, height: 1046 };

// cutOff runs in the page: what is wider than the page, and what hides a part of itself.
function cutOff() {
  const found = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    const wide = [...document.body.querySelectorAll('*')].filter((element) => element.getBoundingClientRect().right > width + 0.5);
    found.push(`scrolls sideways at ${width} px: ${wide.slice(-3).map((element) => element.outerHTML.slice(0, 120)).join(' | ')}`);
  }
  for (const element of document.body.querySelectorAll('*:not(input, textarea, select, svg, svg *)')) {
    const { overflowX, overflowY } = getComputedStyle(element);
    const hides = { x: /hidden|clip/.test(overflowX), y: /hidden|clip/.test(overflowY) };
    if (!hides.x && !hides.y || element.clientWidth <= 1 || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (hides.x && element.scrollWidth > element.clientWidth + 1 || hides.y && element.scrollHeight > element.clientHeight + 1) {
      found.push(`cut off: ${element.outerHTML.slice(0, 120)}`);
    }
  }
  return found;
}

// magnified looks at a page at 200 %: all of it, then its letters alone.
export async function magnified(page) {
  const problems = [];
  for (const [prefix, size, styles] of [['at 200 %: ', ZOOMED, ''], ['letters at 200 %: ', DESK, LARGE]]) {
    await page.setViewportSize(size);
    await page.evaluate(wear, styles);
    problems.push(...(await page.evaluate(cutOff)).map((problem) => prefix + problem));
  }
  await page.evaluate(wear, '');
  return problems;
}

// onPaper looks at a page as it is printed: all that it says is there, within the sheet,
// and dark enough for a ground that no printer fills.
export async function onPaper(page) {
  await page.evaluate(() => {
    window.said = [...document.querySelectorAll('main :is(h1, h2, h3, p, li, dt, dd, th, td, legend, label)')]
      .filter((element) => element.checkVisibility({ visibilityProperty: true }));
  });
  await page.emulateMedia({ media: 'print' });
  await page.setViewportSize(PAPER);
  await page.evaluate(wear, '');
  const problems = await page.evaluate(cutOff);
  problems.push(...(await page.evaluate(() => {
    const found = [];
    // What leads on from a screen: back, to a file, by a button.
    const ofScreens = '.al-screen, .al-deadline, .govuk-button, .govuk-back-link, :has(> .al-screen:only-child)';
    for (const element of window.said) {
      if (!element.closest(ofScreens) && !element.checkVisibility({ visibilityProperty: true })) {
        found.push(`not printed: ${element.outerHTML.slice(0, 120)}`);
      }
    }
    const light = (colour) => {
      const [r, g, b] = colour.match(/[\d.]+/g).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    for (const element of document.body.querySelectorAll('*')) {
      const speaks = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
      if (!speaks || !element.checkVisibility({ visibilityProperty: true })) continue;
      if (1.05 / (light(getComputedStyle(element).color) + 0.05) < 4.5) {
        found.push(`too pale for paper: ${element.outerHTML.slice(0, 120)}`);
      }
    }
    return found;
  })));
  await page.emulateMedia({ media: null });
  await page.setViewportSize(DESK);
  return problems;
}

// byKeyboard goes through a page with Tab, at the width of a telephone, where all stands
// below one another: each control is reached, in the order in which it is read, is seen
// to have the focus and stands in the window; the last one lets go, and the first
// leads past what every page begins with.
export async function byKeyboard(page) {
  await page.setViewportSize(PHONE);
  await page.evaluate(wear, '');
  const count = await page.evaluate(() => {
    const parts = (element) => [
      getComputedStyle(element),
      ...[...(element.labels ?? [])].flatMap((label) => [getComputedStyle(label), getComputedStyle(label, '::before')]),
    ];
    // What is drawn around a control, to be compared: nothing that cannot be seen.
    const drawn = (element) => parts(element).map((style) => [
      style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 && !/, 0\)$|transparent/.test(style.outlineColor) && style.outline,
      style.boxShadow !== 'none' && style.boxShadow,
    ].join()).join(' / ');
    const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
      .filter((element) => element.tabIndex >= 0 && !element.disabled && element.checkVisibility({ visibilityProperty: true }));
    const stops = all.filter((element) => {
      if (element.type !== 'radio') return true;
      const group = all.filter((other) => other.type === 'radio' && other.name === element.name && other.form === element.form);
      return element === (group.find((radio) => radio.checked) ?? group[0]);
    });
    const before = new Map(stops.map((element) => [element, drawn(element)]));
    window.stops = stops;
    window.reached = [];
    window.onFocus = ({ target }) => {
      const box = (target.labels?.[0] ?? target).getBoundingClientRect();
      window.reached.push({
        element: target, y: box.top + scrollY, shown: drawn(target) !== before.get(target) && /[1-9]/.test(drawn(target)),
        seen: box.bottom > 0 && box.top < innerHeight,
      });
    };
    document.addEventListener('focusin', window.onFocus);
    // From the top, wherever the page has put the focus.
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute('tabindex');
    window.reached.length = 0;
    scrollTo(0, 0);
    return stops.length;
  });
  await Promise.all(Array.from({ length: count }, () => page.keyboard.press('Tab')));
  const problems = await page.evaluate(() => {
    const { stops, reached } = window;
    const found = [];
    const name = (element) => element?.outerHTML.slice(0, 120);
    const missed = stops.findIndex((stop, n) => stop !== reached[n]?.element);
    if (missed >= 0) found.push(`Tab reaches ${name(reached[missed]?.element)} where ${name(stops[missed])} is next`);
    reached.forEach(({ element, y, shown, seen }, n) => {
      if (!shown) found.push(`the focus cannot be seen on ${name(element)}`);
      if (!seen) found.push(`out of the window with the focus: ${name(element)}`);
      if (n > 1 && y < reached[n - 1].y - 12) found.push(`above what comes before it: ${name(element)}`);
    });
    return found;
  });
  await page.keyboard.press('Tab');
  problems.push(...(await page.evaluate(() => {
    document.removeEventListener('focusin', window.onFocus);
    return document.activeElement === window.stops.at(-1) ? [`Tab never leaves ${document.activeElement.outerHTML.slice(0, 120)}`] : [];
  })));
  problems.push(...(await skips(page)));
  await page.setViewportSize(DESK);
  return problems;
}

// skips takes the first link of a page and goes on with Tab.
async function skips(page) {
  await page.evaluate(() => window.stops[0].focus());
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  return page.evaluate(() => {
    const main = document.querySelector('main');
    const next = window.stops.find((stop) => main.contains(stop) || main.compareDocumentPosition(stop) & Node.DOCUMENT_POSITION_FOLLOWING);
    return document.activeElement === next ? [] : [`past the head Tab leads to ${document.activeElement.outerHTML.slice(0, 120)}`];
  });
}
