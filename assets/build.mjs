// Builds internal/web/static from assets/src and the pinned packages. The same
// sources give the same bytes: no dates, no paths, no hashes in names (the
// server adds those).

import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import esbuild from 'esbuild';
import * as sass from 'sass';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '..', 'internal', 'web', 'static');
// Browsers that know modules and Web Workers with crypto; older ones get the
// pages without scripts.
const language = 'es2020';
const browsers = ['chrome80', 'firefox78', 'safari14'];

// The widget refuses to start outside https although the work itself can be done
// there (src/pbkdf2.js). The demo must be usable from a phone on the same network.
const altchaOverHTTP = {
  name: 'altcha-over-http',
  setup(build) {
    build.onLoad({ filter: /altcha[\\/]dist[\\/]external[\\/]altcha\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const gate = 'const { isSecureContext } = globalThis;';
      const pieces = source.split(gate);
      if (pieces.length !== 2) {
        throw new Error('altcha: the check for https is not where it was; look at the new version');
      }
      return { contents: pieces.join('const isSecureContext = true;'), loader: 'js' };
    });
  },
};

async function script(entry, banner) {
  const result = await esbuild.build({
    entryPoints: [join(here, 'src', entry)],
    absWorkingDir: here,
    bundle: true,
    minify: true,
    format: 'iife',
    target: language,
    charset: 'utf8',
    legalComments: 'none',
    banner: { js: banner },
    plugins: [altchaOverHTTP],
    write: false,
  });
  return result.outputFiles[0].contents;
}

async function styles(entry, banner) {
  const compiled = sass.compile(join(here, 'src', entry), {
    loadPaths: [join(here, 'node_modules')],
    quietDeps: true,
    style: 'expanded',
  });
  const { code } = await esbuild.transform(compiled.css, {
    loader: 'css',
    minify: true,
    target: browsers,
    charset: 'utf8',
    banner,
  });
  return Buffer.from(code);
}

const files = {
  'aldaba.css': await styles('aldaba.scss', '/* Aldaba. With GOV.UK Frontend, MIT: third_party/licenses */'),
  'favicon.svg': await readFile(join(here, 'src', 'favicon.svg')),
  'aldaba.js': await script('aldaba.js', '/* Aldaba. With GOV.UK Frontend, MIT: third_party/licenses */'),
  'altcha.js': await script('captcha.js', '/* Aldaba. With ALTCHA, MIT: third_party/licenses */'),
  'altcha-worker.js': await script('captcha-worker.js', '/* Aldaba. With ALTCHA, MIT: third_party/licenses */'),
};

// The security images stand apart: a page that shows them loads them one by one,
// and no other page does.
const images = {};
for (const name of (await readdir(join(here, 'src', 'images'))).sort()) {
  const contents = await readFile(join(here, 'src', 'images', name));
  if (contents.length > 3 * 1024) {
    throw new Error(`images/${name} has ${contents.length} bytes, more than the 3 kB allowed`);
  }
  images[`image-${name}`] = contents;
}

// Styles of some pages alone are loaded by them besides the others'.
const single = { 'public.css': await styles('public.scss', ''), 'sheet.css': await styles('sheet.scss', '') };

// Only the files built here are written or removed; others (icons) stay.
await mkdir(out, { recursive: true });
for (const name of await readdir(out)) {
  if (/\.(css|js)$|^image-/.test(name) && !(name in files) && !(name in images) && !(name in single)) {
    await rm(join(out, name));
  }
}
for (const [name, contents] of Object.entries({ ...images, ...single })) {
  await writeFile(join(out, name), contents);
}
let sum = 0;
for (const [name, contents] of Object.entries(files)) {
  await writeFile(join(out, name), contents);
  const zipped = gzipSync(contents, { level: 9 }).length;
  sum += zipped;
  console.log(`${name.padEnd(18)} ${String(contents.length).padStart(7)} bytes, ${String(zipped).padStart(6)} compressed`);
}
console.log(`${'together'.padEnd(18)} ${' '.repeat(7)}        ${String(sum).padStart(6)} compressed`);
// A page on a slow telephone line pays for each of these.
if (sum > 52 * 1024) {
  throw new Error(`the assets have ${sum} bytes compressed, more than the 52 kB allowed`);
}
