meta:
  id: renraku_sealed
  title: Sealed telegram of renraku, version 1
  ks-version: 0.11
  endian: be
  imports:
    - renraku_telegram
doc: |
  A telegram and its trailer: the content of a datagram in sealed mode. SQ has 116 bytes, SR 244. The telegram itself is unchanged.

  What parses has the form of the specification. Whether the MAC is right, and whether the datagram came before, Kaitai cannot say.
doc-ref: ../SPEC.md
seq:
  - id: telegram
    type: renraku_telegram
    size: telegram_length
    valid:
      expr: >-
        _.telegram_type == renraku_telegram::telegram_type::sq
        or _.telegram_type == renraku_telegram::telegram_type::sr
    doc: As without a trailer. The two other types go by TCP, and are never sealed.
  - id: trailer
    type: trailer
    size-eos: true
    doc: The last 48 bytes.
instances:
  telegram_length:
    value: "_io.size > 48 ? _io.size - 48 : _io.size"
    doc: A datagram that is no longer than a trailer has no telegram, and does not parse.
types:
  trailer:
    doc: Who sent the telegram, and that it came unchanged and once.
    seq:
      - id: magic
        contents: HBA1
      - id: algorithm
        type: u1
        enum: algorithm
        valid:
          in-enum: true
      - id: flags
        type: u1
        enum: direction
        valid:
          expr: _ == expected_direction
        doc: Bit 0 is the direction, which is that of the telegram's type; the others are 0.
      - id: key_id
        type: u2
        doc: Which master key the key comes from.
      - id: session
        type: u8
        doc: Of the manager's start, random; echoed by the slave. 0 in a response that nobody asked for.
      - id: sequence
        type: u8
        doc: Greater with each inquiry to that slave; echoed by the slave.
      - id: epoch
        type: u8
        doc: The manager's term, or the slave's start; greater with each start of the sender.
      - id: mac
        size: 16
        doc: HMAC-SHA256, cut to its first 16 bytes. It needs a key, and is not checked here.
    instances:
      expected_direction:
        value: >-
          _root.telegram.telegram_type == renraku_telegram::telegram_type::sq
          ? direction::to_slave : direction::to_manager
enums:
  algorithm:
    1:
      id: hmac_sha256_128
      doc: RFC 2104, FIPS 180-4.
  direction:
    0:
      id: to_slave
      doc: Manager to slave.
    1:
      id: to_manager
      doc: Slave to manager.
