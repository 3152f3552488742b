// PBKDF2 with SHA-256 in plain script, where the browser gives no crypto.subtle.
// It offers just the three calls that ALTCHA's worker makes, for keys of at most
// 32 bytes. About five times slower than the browser's own.

const K = new Int32Array(64);
const START = new Int32Array(8);

// The constants of SHA-256: the fractions of the square roots of the first 8
// primes and of the cube roots of the first 64 (FIPS 180-4).
{
  const fraction = (x) => ((x - Math.floor(x)) * 4294967296) | 0;
  let found = 0;
  for (let n = 2; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) {
      if (n % d === 0) {
        prime = false;
        break;
      }
    }
    if (prime) {
      if (found < 8) {
        START[found] = fraction(Math.sqrt(n));
      }
      K[found++] = fraction(Math.cbrt(n));
    }
  }
}

const w = new Int32Array(64);

// compress takes the 16 words in block into state.
function compress(state, block) {
  for (let i = 0; i < 16; i++) {
    w[i] = block[i];
  }
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15];
    const y = w[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
  }
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  let f = state[5];
  let g = state[6];
  let h = state[7];
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = (state[0] + a) | 0;
  state[1] = (state[1] + b) | 0;
  state[2] = (state[2] + c) | 0;
  state[3] = (state[3] + d) | 0;
  state[4] = (state[4] + e) | 0;
  state[5] = (state[5] + f) | 0;
  state[6] = (state[6] + g) | 0;
  state[7] = (state[7] + h) | 0;
}

// pad lays out a message of at most 55 bytes as the last block after `before`
// bytes.
function pad(message, before) {
  const bytes = new Uint8Array(64);
  bytes.set(message);
  bytes[message.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setUint32(60, (before + message.length) * 8);
  return Int32Array.from({ length: 16 }, (_, i) => view.getInt32(i * 4));
}

// keyed is the state after the block of the key with every byte turned by mask.
function keyed(password, mask) {
  const bytes = new Uint8Array(64).fill(mask);
  password.forEach((byte, i) => {
    bytes[i] = byte ^ mask;
  });
  const view = new DataView(bytes.buffer);
  const state = START.slice();
  compress(state, Int32Array.from({ length: 16 }, (_, i) => view.getInt32(i * 4)));
  return state;
}

// pbkdf2 takes a password of at most 64 bytes and a salt of at most 51, and
// gives 32 bytes.
export function pbkdf2(password, salt, iterations) {
  const inner = keyed(password, 0x36);
  const outer = keyed(password, 0x5c);
  const state = new Int32Array(8);
  // The second block of both hashes is 32 bytes and the padding for 96.
  const block = pad(new Uint8Array(32), 64);

  const salted = new Uint8Array(salt.length + 4);
  salted.set(salt);
  salted[salt.length + 3] = 1;
  state.set(inner);
  compress(state, pad(salted, 64));
  block.set(state);
  state.set(outer);
  compress(state, block);

  const sum = state.slice();
  for (let i = 1; i < iterations; i++) {
    block.set(state);
    state.set(inner);
    compress(state, block);
    block.set(state);
    state.set(outer);
    compress(state, block);
    for (let j = 0; j < 8; j++) {
      sum[j] ^= state[j];
    }
  }
  const key = new Uint8Array(32);
  const view = new DataView(key.buffer);
  sum.forEach((word, i) => view.setInt32(i * 4, word));
  return key;
}

if (typeof self !== 'undefined' && self.crypto && !self.crypto.subtle) {
  Object.defineProperty(self.crypto, 'subtle', {
    value: {
      importKey: async (format, password) => new Uint8Array(password),
      deriveKey: async ({ salt, iterations }, password, { length }) =>
        pbkdf2(password, salt, iterations).slice(0, length / 8),
      exportKey: async (format, key) => key.buffer,
    },
  });
}
