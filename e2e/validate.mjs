// Validates the pages and mails of folders, and ends with 1 where one has a fault
// or a folder has nothing to validate: `node validate.mjs FOLDER…`. See make html.

import { relative } from 'node:path';

import { documentsIn, faultsIn } from './support/validator.mjs';

const LONGEST_TEXT = 300;

// Written from the project's own folder, where make is called.
const root = new URL('..', import.meta.url).pathname;

let documents = [];
for (const folder of process.argv.slice(2)) {
  const inside = await documentsIn(folder);
  if (inside.length === 0) {
    console.error(`${folder} has neither pages nor mails`);
    process.exitCode = 1;
  }
  documents = documents.concat(inside);
}
const faults = await faultsIn(documents);
for (const { file, line, column, rule, message, text, documents: count } of faults) {
  console.error(`${relative(root, file)}:${line}:${column}: ${rule}: ${message}`);
  console.error(`    ${text.slice(0, LONGEST_TEXT)}`);
  if (count > 1) {
    console.error(`    and in ${count - 1} more`);
  }
}
if (faults.length > 0) {
  process.exitCode = 1;
} else {
  console.log(`valid: ${documents.length} documents`);
}
