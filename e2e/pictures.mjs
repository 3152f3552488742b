// Draws the pictures that must be of dots from their drawings in assets/src: what
// other sites show beside a link to ours, and the icon of a telephone's first screen.
// They are committed; run it (npm run icons) after changing a drawing.

import { readFile } from 'node:fs/promises';

import { openBrowser } from './support/browser.mjs';

const root = new URL('..', import.meta.url);
const browser = await openBrowser();
for (const [drawing, picture, width, height] of [
  ['social.svg', 'social.png', 1200, 630],
  ['favicon.svg', 'icon-180.png', 180, 180],
]) {
  const svg = await readFile(new URL(`assets/src/${drawing}`, root), 'utf8');
  const page = await browser.newPage({ viewport: { width, height } });
  await page.setContent(`<style>body{margin:0}svg{display:block;width:${width}px;height:${height}px}</style>${svg}`);
  await page.screenshot({ path: new URL(`internal/web/static/${picture}`, root).pathname, omitBackground: true });
  await page.close();
}
await browser.close();
