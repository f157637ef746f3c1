// Compiles the Kaitai Struct descriptions to each language that the compiler has, and prints one line of JSON for each:
// {"id": "renraku_telegram", "language": "python"}, with an "error" where it cannot.
'use strict';

const { compile, ids, languages } = require('./descriptions.js');

async function main() {
  for (const id of ids) {
    for (const language of languages) {
      const error = await compile(id, language, false).then(() => undefined, String);
      console.log(JSON.stringify({ id, language, error }));
    }
  }
}

main();
