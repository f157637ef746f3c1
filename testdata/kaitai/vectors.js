// Reads the test vectors of ../vectors, whose form its README describes. It knows nothing of telegrams or records.
'use strict';

const fs = require('fs');
const path = require('path');

const directory = path.join(__dirname, '..', 'vectors');

// Headers whose text stands without quotes.
const plain = [
  'name', 'of', 'taken', 'expect', 'field', 'kind', 'offset', 'control', 'key', 'key-id', 'session', 'sequence', 'epoch', 'master', 'direction',
];

// read gives the vectors of some files, such as 'SQ.txt': headers by their names, and the bytes.
function read(...files) {
  return files.flatMap((file) =>
    fs.readFileSync(path.join(directory, file), 'utf8').split(/\n\n+/).map(parse).filter((vector) => vector.name));
}

function parse(block) {
  const vector = {};
  let hex = '';
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (line.startsWith('#')) {
      continue;
    }
    if (colon < 0) {
      hex += line.replaceAll(' ', '');
      continue;
    }
    const key = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    vector[key] = plain.includes(key) ? value : JSON.parse(value);
  }
  if (!/^([0-9a-f]{2})*$/i.test(hex)) {
    throw new Error(`vector ${vector.name}: no bytes in hexadecimal`);
  }
  vector.bytes = Buffer.from(hex, 'hex');
  return vector;
}

module.exports = { read };
