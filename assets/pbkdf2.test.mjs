// The plain-script PBKDF2 against the one of the runtime: `node --test`.

import assert from 'node:assert/strict';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import test from 'node:test';

import { pbkdf2 } from './src/pbkdf2.js';

test('pbkdf2 gives what the runtime gives', () => {
  for (let i = 0; i < 64; i++) {
    const password = randomBytes(i + 1);
    const salt = randomBytes(i % 52);
    const rounds = 1 + i * 3;
    assert.deepEqual(
      Buffer.from(pbkdf2(password, salt, rounds)),
      pbkdf2Sync(password, salt, rounds, 32, 'sha256'),
      `password of ${i + 1}, salt of ${i % 52} bytes, ${rounds} rounds`,
    );
  }
});
