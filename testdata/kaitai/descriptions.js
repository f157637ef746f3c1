// Compiles the .ksy files of the repository, and reads bytes with the JavaScript that comes out.
'use strict';

const fs = require('fs');
const path = require('path');
const compiler = require('kaitai-struct-compiler');
const KaitaiStream = require('kaitai-struct/KaitaiStream');
const YAML = require('yaml');

const repository = path.join(__dirname, '..', '..');

// Where each description is.
const directories = {
  renraku_telegram: 'telegram/kaitai',
  renraku_stream: 'telegram/kaitai',
  renraku_sealed: 'telegram/kaitai',
  renraku_contact: 'contactfile/kaitai',
  renraku_history: 'contactfile/kaitai',
};

// source is a description as the compiler takes it, which knows no YAML text.
function source(id) {
  return YAML.parse(fs.readFileSync(path.join(repository, directories[id], `${id}.ksy`), 'utf8'));
}

// compile gives the files of a description in one of Kaitai's languages, by their names.
function compile(id, language, debug) {
  return compiler.compile(language, source(id), { importYaml: async (name) => source(name) }, debug);
}

// load gives the class of a description and those that it imports, by their names.
async function load(id, debug) {
  const files = await compile(id, 'javascript', debug);
  const classes = {};
  const evaluate = (name) => {
    if (!classes[name]) {
      const modules = (request) => (request.startsWith('./') ? evaluate(request.slice(2)) : require(request));
      new Function('exports', 'require', files[`${name}.js`])(classes, modules);
    }
    return classes;
  };
  return evaluate(className(id));
}

function className(id) {
  return id.split('_').map((word) => word[0].toUpperCase() + word.slice(1)).join('');
}

// A Description reads bytes.
class Description {
  static async compiled(id) {
    const description = new Description();
    description.classes = await load(id, false);
    description.plain = description.classes[className(id)];
    description.debug = (await load(id, true))[className(id)];
    return description;
  }

  // read gives what the compiled class reads, or its error.
  read(bytes) {
    try {
      return { read: new this.plain(new KaitaiStream(bytes)) };
    } catch (error) {
      return { error };
    }
  }

  // failure is where bytes that are bad cannot be read: the attributes around that place, the outer ones first, each with its
  // name and the offset where it begins.
  failure(bytes) {
    const root = new this.debug(new KaitaiStream(bytes));
    try {
      root._read();
    } catch {
      return unread(root, bytes.byteOffset);
    }
    throw new Error('bad as compiled for use, good as compiled for debugging');
  }
}

// unread follows the attributes that were begun and not ended. Objects of debug mode have a list of them, in which what is computed
// and not read has no start.
function unread(object, base) {
  const isBad = (place) => place?.start !== undefined && (place.end === undefined || place.validationError !== undefined);
  const at = (place) => place.ioOffset + place.start - base;
  for (const [name, place] of Object.entries(object?._debug ?? {})) {
    if (!isBad(place)) {
      continue;
    }
    const element = place.arr?.findIndex(isBad) ?? -1;
    return element >= 0
      ? [{ name, at: at(place.arr[element]) }, ...unread(object[name][element], base)]
      : [{ name, at: at(place) }, ...unread(object[name], base)];
  }
  return [];
}

module.exports = { Description, compile, ids: Object.keys(directories), languages: compiler.languages };
