      *> What STATREP tells STATCON and STATHIS, and what they tell it.
       01  TASK.
           05  TASK-PATH             PIC X(1020).
           05  TASK-ORGANISATION     PIC X(15).
               88  BY-BYTES          VALUE "SEQUENTIAL".
               88  BY-LINES          VALUE "LINE-SEQUENTIAL".
      *>   How many records of the history are shown.
           05  TASK-WANTED           PIC 9(3).
      *>   The file status with which the reading ended.
           05  TASK-RESULT           PIC XX.
               88  READ-TO-THE-END   VALUE "10".
               88  FILE-MISSING      VALUE "35".
               88  FILE-FORBIDDEN    VALUE "37".
               88  FILE-LOCKED       VALUE "61".
      *>   Records that were left out, and the first, counted from 0.
           05  TASK-DAMAGED          PIC 9(9).
           05  TASK-FIRST-DAMAGED    PIC 9(9).
