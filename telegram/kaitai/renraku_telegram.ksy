meta:
  id: renraku_telegram
  title: Telegram of renraku, version 1
  ks-version: 0.11
  endian: be
doc: |
  Exactly one telegram: the content of a datagram, or what a receiver has cut out of a TCP stream (renraku_stream.ksy does that).
  There are four types, each with a fixed length: SQ 68, SR 196, XQ 84 and XR 212 bytes. Numbers in parentheses are the
  reference numerals of patent JP10320338A.

  What parses is a telegram of the specification, and what is none does not parse. Names and texts are read byte by byte for
  that; each has its `value` without the padding.
doc-ref: ../SPEC.md
seq:
  - id: host_name
    type: name
    size: 64
    valid:
      expr: _.value != ""
    doc: The host name of the slave, in whichever direction the telegram goes (81, 84, 88, 92); 1 to 64 bytes.
  - id: telegram_type
    type: u2
    enum: telegram_type
    valid:
      in-enum: true
    doc: Two ASCII letters (82, 85, 89, 93).
  - id: body
    type:
      switch-on: telegram_type
      cases:
        telegram_type::sq: status_inquiry
        telegram_type::sr: status_response
        telegram_type::xq: execution_order
        telegram_type::xr: execution_response
    doc: What the type has behind its name. It begins with the control code.
  - id: trailer
    size-eos: true
    valid:
      expr: _.length == 0
    doc: Nothing. A telegram has exactly its type's length.
types:
  status_inquiry:
    doc: SQ (Fig. 7), manager to slave, UDP or TCP.
    seq:
      - id: control_code
        type: u2
        enum: inquiry
        valid:
          in-enum: true
        doc: Control code (83). Exactly one bit is set, and it is one of the type's own.
  status_response:
    doc: SR (Fig. 7), slave to manager, as its inquiry; unasked UDP.
    seq:
      - id: control_code
        type: u2
        enum: operating
        valid:
          in-enum: true
        doc: Control code (86). Exactly one bit is set, and it is one of the type's own.
      - id: additional_message
        type: additional_message
        size: 128
        doc: Additional message (87).
  execution_order:
    doc: XQ (Fig. 8), manager to slave, TCP.
    seq:
      - id: control_code
        type: u2
        enum: order
        valid:
          in-enum: true
        doc: Control code (90). Exactly one bit is set, and it is one of the type's own.
      - id: process_id
        type: name
        size: 16
        valid:
          expr: _.value != ""
        doc: Process ID (91), 1 to 16 bytes. A telegram never carries a command.
  execution_response:
    doc: XR (Fig. 8), slave to manager, TCP.
    seq:
      - id: control_code
        type: u2
        enum: outcome
        valid:
          in-enum: true
        doc: Control code (94). Exactly one bit is set, and it is one of the type's own.
      - id: process_id
        type: name
        size: 16
        valid:
          expr: _.value != ""
        doc: Process ID (95), 1 to 16 bytes.
      - id: additional_message
        type: additional_message
        size: 128
        doc: Additional message (96).
  additional_message:
    doc: The slave's status when the telegram was made, and a text for people (87, 96).
    seq:
      - id: application_status
        type: name
        size: 24
        doc: |
          Application execution status (133 of the contact file), 0 to 24 bytes. NOT-STARTED, ONLINE and BATCH are the patent's;
          a definition may have others.
      - id: text
        type: text
        size: 104
        doc: Text, 0 to 104 bytes of UTF-8. A program must not need it.
  name:
    doc: Bytes 0x21 to 0x7E, left-justified, then spaces to the end of the field. All spaces is the empty name.
    seq:
      - id: bytes
        type: u1
        repeat: until
        repeat-until: _ == 0x20 or _io.eof
        valid:
          min: 0x20
          max: 0x7e
        doc: The name and, where the field has room left, the first space behind it.
      - id: padding
        type: u1
        repeat: eos
        valid: 0x20
    instances:
      value:
        pos: 0
        type: str
        size-eos: true
        pad-right: 0x20
        encoding: ASCII
  text:
    doc: |
      UTF-8 without control characters (U+0000 to U+001F, U+007F to U+009F), then spaces to the end of the field. Spaces at its
      end are padding; at its beginning and inside it they are the text's own.
    seq:
      - id: characters
        type: character
        repeat: eos
    instances:
      value:
        pos: 0
        type: str
        size-eos: true
        pad-right: 0x20
        encoding: UTF-8
  character:
    doc: One character of RFC 3629, 1 to 4 bytes, that is no control character.
    seq:
      - id: lead
        type: u1
        valid:
          expr: _ >= 0x20 and _ <= 0x7e or _ >= 0xc2 and _ <= 0xf4
        doc: 0xC0 and 0xC1 would begin overlong forms, and 0xF5 what lies above U+10FFFF.
      - id: second
        type: u1
        if: lead >= 0xc2
        valid:
          min: "lead == 0xc2 ? 0xa0 : lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80"
          max: "lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf"
        doc: The narrower bounds keep out U+0080 to U+009F, overlong forms, surrogates and what lies above U+10FFFF.
      - id: third
        type: u1
        if: lead >= 0xe0
        valid:
          min: 0x80
          max: 0xbf
      - id: fourth
        type: u1
        if: lead >= 0xf0
        valid:
          min: 0x80
          max: 0xbf
enums:
  telegram_type:
    0x5351:
      id: sq
      doc: Status inquiry.
    0x5352:
      id: sr
      doc: Status response.
    0x5851:
      id: xq
      doc: Execution order, or the receipt of an execution response.
    0x5852:
      id: xr
      doc: Execution response.
  inquiry:
    0x0001:
      id: check
      doc: Are you there.
    0x0002:
      id: start
      doc: Monitoring begins; are you there.
    0x0004:
      id: end
      doc: Monitoring ends (25).
  operating:
    0x0010:
      id: running
      doc: In operation (稼働中).
    0x0020:
      id: stopped
      doc: Stopped (停止中).
  order:
    0x0100:
      id: launch
      doc: Launch the process (起動要求).
    0x0200:
      id: taken
      doc: The receipt of an XR.
  outcome:
    0x0800:
      id: ended
      doc: A process that goes on running once it is up has ended.
    0x1000:
      id: launched
      doc: Launch complete (起動完了). It ran to its normal end, or is up.
    0x2000:
      id: failed
      doc: It could not be started, or did not end normally.
    0x4000:
      id: already
      doc: It runs at this moment, or what it is for stands already; nothing was started.
    0x8000:
      id: refused
      doc: The slave's own check forbids it (63); nothing was started.
