      *> A record of the history, history.dat: HISTORY.md.
      *> SEQUENTIAL: 256 bytes. LINE SEQUENTIAL: 255 bytes; a space
      *> stands in HIS-LINE-FEED then.
       01  HISTORY-RECORD.
      *>   UTC: 2026-11-22T10:43:05.123Z
           05  HIS-TIME          PIC X(24).
      *>   The server ordered.
           05  HIS-HOST          PIC X(64).
      *>   Spaces with SET.
           05  HIS-PROCESS       PIC X(16).
      *>   Who asked for the process. A later version may add others.
           05  HIS-TRIGGER       PIC X(8).
               88  HIS-OPERATOR      VALUE "OPERATOR".
               88  HIS-PRESET-TIME   VALUE "TIME".
               88  HIS-MESSAGE       VALUE "MESSAGE".
               88  HIS-ORDER         VALUE "ORDER".
               88  HIS-CHECK         VALUE "CHECK".
      *>   What became of it. A later version may add others.
           05  HIS-OUTCOME       PIC X(12).
               88  HIS-LAUNCHED      VALUE "LAUNCHED".
               88  HIS-FAILED        VALUE "FAILED".
               88  HIS-ALREADY       VALUE "ALREADY".
               88  HIS-REFUSED       VALUE "REFUSED".
               88  HIS-ENDED         VALUE "ENDED".
               88  HIS-SKIPPED       VALUE "SKIPPED".
               88  HIS-UNREACHABLE   VALUE "UNREACHABLE".
               88  HIS-UNKNOWN       VALUE "UNKNOWN".
               88  HIS-LOST          VALUE "LOST".
               88  HIS-SET           VALUE "SET".
      *>       What needs nobody's attention. All others may.
               88  HIS-WELL          VALUES "LAUNCHED" "ALREADY"
                                            "ENDED" "SET".
      *>   Application execution status (133) of the server after it.
           05  HIS-APPLICATION   PIC X(24).
      *>   Why, exit status, last line of output. UTF-8: the length is
      *>   in bytes.
           05  HIS-TEXT          PIC X(107).
      *>   X"0A".
           05  HIS-LINE-FEED     PIC X.
