meta:
  id: renraku_history
  title: The history of renraku, history.dat
  file-extension: dat
  ks-version: 0.11
doc: |
  What was ordered, and what became of it, in records of 256 bytes: 255 data bytes and a line feed. Records are only ever added at
  the end. Numbers in parentheses are the reference numerals of patent JP10320338A.

  Records that parse are records of the document, and what is none does not parse. Names, times and texts are read byte by byte
  for that; each has its `value` without the padding.
doc-ref: ../HISTORY.md
seq:
  - id: records
    type: record
    size: 256
    repeat: expr
    repeat-expr: _io.size / 256
  - id: incomplete
    size-eos: true
    doc: A last record that is being written, or that a power cut has left. It counts as none.
types:
  record:
    seq:
      - id: time
        type: utc_time
        size: 24
        doc: When it was written.
      - id: host_name
        type: name
        size: 64
        valid:
          expr: _.value != ""
        doc: The server ordered (131), 1 to 64 bytes.
      - id: process_id
        type: name
        size: 16
        doc: Process ID (91, 95), 0 to 16 bytes; empty with SET.
      - id: trigger
        type: name
        size: 8
        valid:
          expr: _.value != ""
        doc: |
          Who asked for the process (51), 1 to 8 bytes. OPERATOR, TIME, MESSAGE, ORDER or CHECK; a later version may add others.
      - id: outcome
        type: name
        size: 12
        valid:
          expr: _.value != ""
        doc: |
          What became of it (58, 60, 65, 94), 1 to 12 bytes. LAUNCHED, FAILED, ALREADY, REFUSED, ENDED, SKIPPED, UNREACHABLE, UNKNOWN, LOST or
          SET; a later version may add others.
      - id: application_status
        type: name
        size: 24
        doc: Application execution status (133) of the server after it, 0 to 24 bytes.
      - id: text
        type: text
        size: 107
        doc: Why, exit status, last line of output; 0 to 107 bytes of UTF-8.
      - id: end_of_record
        contents: [0x0a]
        doc: Line feed.
  utc_time:
    doc: UTC, such as 2026-11-22T10:43:05.123Z.
    seq:
      - id: date
        type: calendar_date
      - contents: "T"
      - id: time_of_day
        type: time_of_day
      - contents: "."
      - id: millisecond
        type: digits(3)
      - contents: "Z"
    instances:
      value:
        pos: 0
        type: str
        size-eos: true
        encoding: ASCII
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
  calendar_date:
    doc: 2026-11-22, a day of the calendar in the years 0000 to 9999.
    seq:
      - id: year
        type: digits(4)
      - contents: "-"
      - id: month
        type: digits(2)
        valid:
          expr: _.value >= 1 and _.value <= 12
      - contents: "-"
      - id: day
        type: digits(2)
        valid:
          expr: _.value >= 1 and _.value <= days_of_month
    instances:
      is_leap_year:
        value: year.value % 4 == 0 and (year.value % 100 != 0 or year.value % 400 == 0)
      days_of_month:
        value: >-
          month.value == 2 ? (is_leap_year ? 29 : 28)
          : month.value == 4 or month.value == 6 or month.value == 9 or month.value == 11 ? 30
          : 31
  time_of_day:
    doc: 10:43:05. There is no second 60.
    seq:
      - id: hour
        type: digits(2)
        valid:
          expr: _.value <= 23
      - contents: ":"
      - id: minute
        type: digits(2)
        valid:
          expr: _.value <= 59
      - contents: ":"
      - id: second
        type: digits(2)
        valid:
          expr: _.value <= 59
  digits:
    doc: A number of that many decimal digits.
    params:
      - id: count
        type: u1
    seq:
      - id: bytes
        type: u1
        repeat: expr
        repeat-expr: count
        valid:
          min: 0x30
          max: 0x39
    instances:
      value:
        value: >-
          (count > 3 ? (bytes[count - 4] - 0x30) * 1000 : 0)
          + (count > 2 ? (bytes[count - 3] - 0x30) * 100 : 0)
          + (bytes[count - 2] - 0x30) * 10
          + (bytes[count - 1] - 0x30)
