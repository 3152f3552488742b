// What the pages say, read from where they read it themselves: a test that walks in more
// than one language names a sentence by its key.

import { readFileSync } from 'node:fs';

// wordsOf gives the words of a language: a function from a key, and the values for the
// {names} in its sentence, to the sentence.
export function wordsOf(language) {
  const texts = new Map();
  let table = '';
  for (const line of readFileSync(new URL(`../../internal/words/${language}.toml`, import.meta.url), 'utf8').split('\n')) {
    const [, heading] = /^\[([\w.-]+)\]$/.exec(line) ?? [];
    const [, name, text] = /^([\w-]+) = (".*")$/.exec(line) ?? [];
    if (heading) {
      table = `${heading}.`;
    } else if (name) {
      texts.set(table + name, JSON.parse(text));
    } else if (line.trim() && !line.startsWith('#')) {
      throw new Error(`${language}.toml: neither a table nor a sentence: ${line}`);
    }
  }
  return (key, values = {}) => {
    if (!texts.has(key)) {
      throw new Error(`${language}.toml has no ${key}`);
    }
    return texts.get(key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
  };
}
