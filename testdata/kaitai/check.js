// Reads every test vector with the Kaitai Struct descriptions, and prints what it found, one line of JSON for each:
//
//   {"name": "sq-start", "bytes": "6170…", "values": [{"type": "SQ", "host": "app01", "control": "START"}]}
//   {"name": "…", "bytes": "…", "error": {"field": "host", "at": 3, "is": "ValidationLessThanError"}}
//
// where `at` is the offset of what could not be read: a byte of a name, a character of a text, or a field. Then it does the same
// with each line of the file that its argument names, if there is one: {"name": "…", "id": "renraku_stream", "bytes": "…"}.
//
// NODE_PATH has the npm packages kaitai-struct, kaitai-struct-compiler and yaml.
'use strict';

const fs = require('fs');
const { Description, ids } = require('./descriptions.js');
const vectors = require('./vectors.js');

// The names that vectors have for attributes.
const fields = {
  hostName: 'host', telegramType: 'type', controlCode: 'control', processId: 'process', applicationStatus: 'application',
  text: 'text', trailer: 'length', operatingStatus: 'operating', since: 'since', filler: 'filler', endOfRecord: 'end', time: 'time',
  trigger: 'trigger', outcome: 'outcome', magic: 'magic', algorithm: 'algorithm', flags: 'flags',
};

// Which vectors each description reads: one telegram, sealed or not, or a file of one record.
const files = {
  renraku_telegram: ['SQ.txt', 'SR.txt', 'XQ.txt', 'XR.txt', 'any.txt'],
  renraku_sealed: ['sealed.txt'],
  renraku_contact: ['contact.txt'],
  renraku_history: ['history.txt'],
};

// The values in what each description reads.
const values = {
  renraku_telegram: (read, classes) => [telegram(read, classes)],
  renraku_stream: (read, classes) => read.entries.map((entry) => telegram(entry.telegram, classes)),
  renraku_sealed: (read, classes) => [{ ...telegram(read.telegram, classes), ...trailer(read.trailer) }],
  renraku_contact: (read) => read.records.map(contact),
  renraku_history: (read) => read.records.map(history),
};

function telegram({ hostName, telegramType, body }, { RenrakuTelegram }) {
  const { TelegramType, Inquiry, Operating, Order, Outcome } = RenrakuTelegram;
  const codes = { ...Inquiry, ...Operating, ...Order, ...Outcome }; // no two types share one
  const value = { type: TelegramType[telegramType], host: hostName.value, control: codes[body.controlCode] };
  if (body.processId) {
    value.process = body.processId.value;
  }
  if (body.additionalMessage) {
    value.application = body.additionalMessage.applicationStatus.value;
    value.text = body.additionalMessage.text.value;
  }
  return value;
}

// trailer has its numbers as JavaScript has them: rounded above 2^53.
function trailer({ keyId, session, sequence, epoch }) {
  const written = (number) => String(BigInt(number));
  return { 'key-id': written(keyId), session: written(session), sequence: written(sequence), epoch: written(epoch) };
}

// written is a time as it is written, with which its numbers have to agree.
function written({ value, date, timeOfDay }) {
  const numbers = [date.year, date.month, date.day, timeOfDay.hour, timeOfDay.minute, timeOfDay.second].map((number) => number.value);
  if (numbers.join() !== value.match(/\d+/g).slice(0, numbers.length).map(Number).join()) {
    throw new Error(`${value} has the numbers ${numbers}`);
  }
  return value;
}

function contact({ hostName, operatingStatus, applicationStatus, since }) {
  return { host: hostName.value, operating: operatingStatus, application: applicationStatus.value, since: written(since) };
}

function history({ time, hostName, processId, trigger, outcome, applicationStatus, text }) {
  return {
    time: written(time), host: hostName.value, process: processId.value, trigger: trigger.value, outcome: outcome.value,
    application: applicationStatus.value, text: text.value,
  };
}

function check(description, id, bytes, taken) {
  const { read, error } = description.read(bytes);
  if (error) {
    const way = description.failure(bytes);
    const { name } = [...way].reverse().find((part) => fields[part.name]) ?? way[0];
    const { at } = way.find((part) => part.name === 'characters') ?? way.at(-1);
    return { error: { field: fields[name] ?? name, at, is: error.name } };
  }
  const found = values[id](read, description.classes);
  if (taken && taken !== found[0].type) {
    return { error: { field: 'type', at: 64, is: 'not taken' } }; // who takes one type only compares it
  }
  return { values: found };
}

async function main(more) {
  const lines = more ? fs.readFileSync(more, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)) : [];
  for (const id of ids) {
    const description = await Description.compiled(id);
    const others = lines.filter((line) => line.id === id).map((line) => ({ ...line, bytes: Buffer.from(line.bytes, 'hex') }));
    for (const { name, bytes, taken } of [...vectors.read(...(files[id] ?? [])), ...others]) {
      console.log(JSON.stringify({ name, bytes: bytes.toString('hex'), ...check(description, id, bytes, taken) }));
    }
  }
}

main(process.argv[2]);
