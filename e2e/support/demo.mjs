// A demo of the program under test: its own data, its own free ports, stopped
// and removed afterwards.

import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const START_WITHIN = 20_000;
const STOP_WITHIN = 12_000; // the program promises 10 s
const MAIL_WITHIN = 10_000;
const LOOK_EVERY = 40; // how often the mailbox is read while a mail is awaited

// Ended from outside, a test file still clears up: see 'exit' below.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
  process.once(signal, () => process.exit(1));
}

// Hashes that cost nothing, for tests of something else.
const CHEAP = ['hash_memory_kib=64', 'hash_passes=1'];

// startDemo starts `aldaba demo`. set: policy values such as 'captcha_cost=1';
// args: further arguments; hashes: 'policy' for those that a real site makes.
export async function startDemo({ set = ['captcha_cost=0'], args = [], hashes = 'cheap' } = {}) {
  const program = process.env.ALDABA;
  if (!program) {
    throw new Error('ALDABA must hold the absolute path of the program: make browser sets it');
  }
  const data = await mkdtemp(join(tmpdir(), 'aldaba-e2e-'));
  const child = spawn(
    program,
    [
      'demo', '--listen', '127.0.0.1:0', '--staff-listen', '127.0.0.1:0',
      '--data', data, '--people', '50', '--seed', 'prueba',
      ...[...set, ...(hashes === 'cheap' ? CHEAP : [])].flatMap((value) => ['--set', value]), ...args,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  // Whatever happens to this process, the program does not outlive it.
  const kill = () => child.kill('SIGKILL');
  const abandon = () => {
    kill();
    rmSync(data, { recursive: true, force: true });
  };
  process.once('exit', abandon);
  const gone = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));

  let complaints = '';
  child.stderr.on('data', (text) => {
    complaints = (complaints + text).slice(-4000);
  });
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(kill, STOP_WITHIN);
    const end = await gone;
    clearTimeout(timer);
    process.removeListener('exit', abandon);
    await rm(data, { recursive: true, force: true });
    if (end.code !== 0) {
      throw new Error(`the program ended with ${end.code ?? end.signal} after SIGTERM\n${complaints}`);
    }
  };

  try {
    const [url, staffURL] = await addressesOf(child, gone);
    const people = await (await fetch(`${url}/demo/personas.json`)).json();
    return new Demo(url, staffURL, people, data, stop);
  } catch (error) {
    kill();
    await gone;
    await rm(data, { recursive: true, force: true });
    throw new Error(`${error.message}\n${complaints}`);
  }
}

// addressesOf reads the citizens' and the staff's address, the first two that
// the program prints.
async function addressesOf(child, gone) {
  const printed = new Promise((resolve) => {
    const addresses = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
      if (found && addresses.push(found[0]) === 2) {
        resolve(addresses);
      }
    });
  });
  const ended = gone.then(() => {
    throw new Error('the program ended before it printed its addresses');
  });
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('the program printed no addresses')), START_WITHIN);
  });
  try {
    return await Promise.race([printed, ended, late]);
  } finally {
    clearTimeout(timer);
    ended.catch(() => {});
  }
}

class Demo {
  #seen = new Set();
  #fresh;
  #known;
  #mailboxes = 0;
  #serial = 4_100_000;

  // data is the folder in which the program keeps everything.
  constructor(url, staffURL, people, data, stop) {
    this.url = url;
    this.staffURL = staffURL;
    this.people = people;
    this.data = data;
    this.stop = stop;
    const random = people.slice(13);
    this.#fresh = random.filter((person) => person.clave === '');
    this.#known = random.filter((person) => person.clave !== '' && !person.presencial);
  }

  // person gives one of the named cases.
  person(name) {
    const found = this.people.find((person) => person.caso === name);
    if (!found) {
      throw new Error(`personas.json has no ${name}`);
    }
    return found;
  }

  // withoutClave gives somebody who never had a clave, each time another one.
  withoutClave({ presencial = false } = {}) {
    const at = this.#fresh.findIndex((person) => person.presencial === presencial);
    if (at < 0) {
      throw new Error('no more people without clave');
    }
    return this.#fresh.splice(at, 1)[0];
  }

  // withClave gives somebody who has a clave and an address that is not fixed,
  // each time another one.
  withClave() {
    const person = this.#known.shift();
    if (!person) {
      throw new Error('no more people with clave');
    }
    return person;
  }

  // mailbox gives an address that nobody used before.
  mailbox() {
    return `buzon-${++this.#mailboxes}@prueba.example`;
  }

  // nobodysNumber gives a well-formed cédula that nobody has, each time another one.
  nobodysNumber() {
    for (;;) {
      const digits = `17${++this.#serial}`;
      let sum = 0;
      for (let i = 0; i < 9; i++) {
        const product = Number(digits[i]) * (i % 2 === 0 ? 2 : 1);
        sum += product > 9 ? product - 9 : product;
      }
      const number = digits + ((10 - (sum % 10)) % 10);
      if (!this.people.some((person) => person.numero.startsWith(number))) {
        return number;
      }
    }
  }

  async mails(to) {
    const reply = await fetch(`${this.url}/demo/correo.json?para=${encodeURIComponent(to)}`);
    return reply.json();
  }

  // nextMail waits for the next mail to an address that no call has given yet,
  // of one subject if that is asked for.
  async nextMail(to, subject) {
    for (let waited = 0; waited < MAIL_WITHIN; waited += LOOK_EVERY) {
      const mails = (await this.mails(to)).reverse();
      const mail = mails.find(({ id, asunto }) => !this.#seen.has(id) && (!subject || asunto === subject));
      if (mail) {
        this.#seen.add(mail.id);
        return mail;
      }
      await pause(LOOK_EVERY);
    }
    throw new Error(`no mail${subject ? ` «${subject}»` : ''} to ${to}`);
  }

  activation(to) {
    return this.nextMail(to, 'ACTIVACIÓN CLAVE').then(readActivation);
  }

  // advance moves the program's clock ("4m").
  async advance(by) {
    const reply = await fetch(`${this.url}/demo/reloj`, {
      method: 'POST',
      body: new URLSearchParams({ avanza: by }),
    });
    if (reply.status !== 204) {
      throw new Error(`the clock did not move: ${reply.status}`);
    }
  }
}

// readActivation takes link, code and reference out of a mail as a person does.
export function readActivation(mail) {
  const line = (pattern, what) => {
    const found = pattern.exec(mail.texto);
    if (!found) {
      throw new Error(`the mail has no ${what}:\n${mail.texto}`);
    }
    return found[1];
  };
  return {
    ...mail,
    link: line(/^(https?:\/\/\S+)\r?$/m, 'link alone on a line'),
    code: line(/^Código: (\d{6})\r?$/m, 'line with the code'),
    reference: line(/^Referencia: (\S{4}-\S{4})\r?$/m, 'line with the reference'),
  };
}

// linkNamed finds in the HTML of a mail the address behind a link's name.
export function linkNamed(mail, name) {
  for (const [, attributes, content] of mail.html.matchAll(/<a\b([^>]*)>(.*?)<\/a>/gs)) {
    const text = content.replace(/<[^>]*>/g, '').replace(/\s+/g, ' ').trim();
    if (text.toLowerCase() === name.toLowerCase()) {
      return /href="([^"]*)"/.exec(attributes)[1].replaceAll('&amp;', '&');
    }
  }
  throw new Error(`the mail «${mail.asunto}» has no link named «${name}»`);
}
