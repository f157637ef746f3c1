meta:
  id: renraku_contact
  title: The contact file of renraku, contact.dat
  file-extension: dat
  ks-version: 0.11
doc: |
  What is known of every server (連絡ファイル, 130 and 230 of patent JP10320338A, Fig. 2), in records of 128 bytes: 127 data bytes and
  a line feed. At the manager record 0 is the manager itself, then every slave; a slave's file has its own record. Length zero
  means that there is no monitoring. Numbers in parentheses are the patent's reference numerals.

  What parses is a contact file of the document, and what is none does not parse. Names and times are read byte by byte for
  that; each has its `value` without the padding.
doc-ref: ../CONTACTFILE.md
seq:
  - id: records
    type: record
    repeat: eos
types:
  record:
    seq:
      - id: host_name
        type: name
        size: 64
        valid:
          expr: _.value != ""
        doc: Host name (131), 1 to 64 bytes.
      - id: operating_status
        type: str
        size: 8
        pad-right: 0x20
        encoding: ASCII
        valid:
          any-of:
            - '"RUNNING"'
            - '"STOPPED"'
        doc: Operating status (132). In operation (稼働中) or stopped (停止中).
      - id: application_status
        type: name
        size: 24
        doc: |
          Application execution status (133), 0 to 24 bytes. NOT-STARTED (未起動), ONLINE (オンライン中) and BATCH (バッチ中) are the
          patent's; the definition may name others.
      - id: since
        type: utc_time
        size: 20
        doc: Last change of 132 or 133.
      - id: filler
        contents: "           "
        doc: 11 spaces.
      - id: end_of_record
        contents: [0x0a]
        doc: Line feed.
  utc_time:
    doc: UTC, such as 2026-11-22T10:43:05Z.
    seq:
      - id: date
        type: calendar_date
      - contents: "T"
      - id: time_of_day
        type: time_of_day
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
