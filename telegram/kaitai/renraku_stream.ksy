meta:
  id: renraku_stream
  title: Telegrams of renraku that follow one another, as on a TCP connection
  ks-version: 0.11
  endian: be
  imports:
    - renraku_telegram
doc: |
  One direction of a connection, from its start. The first 68 bytes of each telegram have its type, and the type tells how many
  bytes follow. It ends where a telegram ends; one that is cut off does not parse.
doc-ref: ../SPEC.md
seq:
  - id: entries
    type: entry
    repeat: eos
types:
  entry:
    seq:
      - id: telegram
        type: renraku_telegram
        size: length
    instances:
      telegram_type:
        pos: _io.pos + 64
        type: u2
        enum: renraku_telegram::telegram_type
        doc: Looked at ahead. An unknown one ends the reading, in the telegram itself.
      length:
        value: >-
          telegram_type == renraku_telegram::telegram_type::sr ? 196
          : telegram_type == renraku_telegram::telegram_type::xq ? 84
          : telegram_type == renraku_telegram::telegram_type::xr ? 212
          : 68
