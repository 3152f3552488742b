// Lighthouse over the pages that people arrive at, as on a middling telephone on a slow
// line: its own mobile preset and throttling. Each page is looked at three times and
// judged by the middle. No part of `make test`: it takes minutes, and its figures of
// speed are the machine's, too. `make lighthouse` installs it, at the version there.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { startDemo } from './support/demo.mjs';

const PAGES = ['/', '/clave/generar-recuperar', '/transparencia'];
const RUNS = 3;
// A score below these is a fault; so is any finding in the last two categories.
const LEAST = { performance: 95, accessibility: 100, 'best-practices': 100 };
const WITHIN = 180_000;
const TRIES = 3; // for one report

const program = process.argv[2];
if (!program) {
  throw new Error('the path of the lighthouse program is missing: make lighthouse gives it');
}

// look gives a report. Lighthouse sometimes loses the beginning of its own recording
// and asks to be run again: that is no measurement.
async function look(url) {
  let reason;
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      const { stdout } = await promisify(execFile)(program, [
        url, '--quiet', '--output=json', `--only-categories=${Object.keys(LEAST)}`,
        '--chrome-flags=--headless --no-sandbox --disable-gpu --disable-background-networking',
      ], {
        env: { ...process.env, CHROME_PATH: process.env.CHROMIUM || '/usr/bin/chromium' },
        timeout: WITHIN,
        maxBuffer: 64 << 20,
      });
      return JSON.parse(stdout);
    } catch (error) {
      reason = error.stderr?.trim() || error.message;
    }
  }
  throw new Error(`lighthouse gave no report of ${url}, ${TRIES} times: ${reason}`);
}

// findings are the audits of a category that are not in order.
function findings(report, category) {
  return report.categories[category].auditRefs
    .map(({ id }) => report.audits[id])
    .filter(({ score }) => score !== null && score < 1)
    .map(({ id, title }) => `${id}: ${title}`);
}

const demo = await startDemo({ set: [] });
let faults = 0;
const fault = (text) => {
  faults++;
  console.log(`  ✗ ${text}`);
};
try {
  for (const path of PAGES) {
    const reports = [];
    for (let run = 0; run < RUNS; run++) {
      reports.push(await look(demo.url + path));
    }
    console.log(path);
    for (const [category, least] of Object.entries(LEAST)) {
      const scores = reports.map((report) => Math.round(report.categories[category].score * 100)).sort((a, b) => a - b);
      const median = scores[Math.floor(RUNS / 2)];
      console.log(`  ${category.padEnd(15)} ${median}   (${scores.join(', ')})`);
      if (median < least) {
        fault(`${category}: ${median}, less than ${least}`);
      }
      if (category !== 'performance') {
        for (const finding of new Set(reports.flatMap((report) => findings(report, category)))) {
          fault(`${category}: ${finding}`);
        }
      }
    }
  }
} finally {
  await demo.stop();
}
process.exitCode = faults > 0 ? 1 : 0;
