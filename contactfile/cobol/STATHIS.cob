      *> The part of the status report that comes from the history.
       IDENTIFICATION DIVISION.
       PROGRAM-ID. STATHIS.

       ENVIRONMENT DIVISION.
       INPUT-OUTPUT SECTION.
       FILE-CONTROL.
      *>   As in STATCON: one of the two is opened.
           SELECT HISTORY-BYTES ASSIGN TO HISTORY-PATH
               ORGANIZATION IS SEQUENTIAL
               FILE STATUS IS FILE-RESULT.
           SELECT HISTORY-LINES ASSIGN TO HISTORY-PATH
               ORGANIZATION IS LINE SEQUENTIAL
               FILE STATUS IS FILE-RESULT.

       DATA DIVISION.
       FILE SECTION.
       FD  HISTORY-BYTES.
       01  HISTORY-BYTES-RECORD      PIC X(256).
      *> One byte more than a line has shows one that is too long.
       FD  HISTORY-LINES
           RECORD IS VARYING IN SIZE FROM 1 TO 256 CHARACTERS
           DEPENDING ON LINE-LENGTH.
       01  HISTORY-LINES-RECORD      PIC X(256).

       WORKING-STORAGE SECTION.
       COPY HISTORY.
       01  HISTORY-PATH              PIC X(1020).
       01  LINE-LENGTH               PIC 9(4).
       01  FILE-RESULT               PIC XX.
           88  FILE-GOES-ON          VALUES "00" THRU "09".
           88  FILE-ENDS-INSIDE      VALUE "04".
       01  RECORD-STATE              PIC X.
           88  RECORD-GOOD           VALUE "G".
           88  RECORD-BAD            VALUE "B".
           88  RECORD-SHORT          VALUE "S".

      *> The last records, record n (counted from 0) at the place
      *> n modulo RING-SIZE. There is one place more than are wanted,
      *> since the newest may be incomplete.
       01  RING-LIMIT                CONSTANT AS 1000.
       01  RING-TABLE.
           05  RING-ENTRY            OCCURS RING-LIMIT.
               10  RING-STATE        PIC X.
               10  RING-RECORD       PIC X(256).
       01  NEWEST-STATE              PIC X.
           88  NEWEST-SHORT          VALUE "S".
       01  RING-SIZE                 PIC 9(4).
       01  RING-PLACE                PIC 9(4).
       01  RECORDS-READ              PIC 9(9).
       01  RECORD-NUMBER             PIC 9(9).
       01  FIRST-SHOWN               PIC 9(9).

       01  HOST-WIDTH                PIC 9(4).
       01  APPLICATION-WIDTH         PIC 9(4).
       01  MARK                      PIC X.
       01  NUMBER-SHOWN              PIC Z(8)9.

       LINKAGE SECTION.
       COPY STATTASK.

       PROCEDURE DIVISION USING TASK.
       MAIN.
           MOVE TASK-PATH TO HISTORY-PATH
           INITIALIZE RECORDS-READ TASK-DAMAGED TASK-FIRST-DAMAGED
               NEWEST-STATE
           ADD 1 TO TASK-WANTED GIVING RING-SIZE
           PERFORM READ-HISTORY
      *>   A record that the file's end cuts off is being written, or a
      *>   power cut has left it. It counts as none.
           IF NEWEST-SHORT
               SUBTRACT 1 FROM RECORDS-READ
               SUBTRACT 1 FROM TASK-DAMAGED
           END-IF
           EVALUATE TRUE
               WHEN NOT READ-TO-THE-END
                   DISPLAY "The history could not be read."
               WHEN RECORDS-READ = 0
                   DISPLAY "The history is empty."
               WHEN OTHER
                   PERFORM PRINT-HISTORY
           END-EVALUATE
           GOBACK.

       READ-HISTORY.
           IF BY-BYTES
               OPEN INPUT HISTORY-BYTES
           ELSE
               OPEN INPUT HISTORY-LINES
           END-IF
           MOVE FILE-RESULT TO TASK-RESULT
           IF FILE-GOES-ON
               PERFORM READ-HISTORY-RECORD
               PERFORM UNTIL NOT FILE-GOES-ON
                   PERFORM KEEP-HISTORY-RECORD
                   PERFORM READ-HISTORY-RECORD
               END-PERFORM
      *>       The CLOSE has a file status of its own.
               MOVE FILE-RESULT TO TASK-RESULT
               IF BY-BYTES
                   CLOSE HISTORY-BYTES
               ELSE
                   CLOSE HISTORY-LINES
               END-IF
           END-IF.

       READ-HISTORY-RECORD.
           SET RECORD-GOOD TO TRUE
           IF BY-BYTES
               READ HISTORY-BYTES INTO HISTORY-RECORD
               END-READ
               IF FILE-ENDS-INSIDE
                   SET RECORD-SHORT TO TRUE
               END-IF
           ELSE
               READ HISTORY-LINES INTO HISTORY-RECORD
               END-READ
               IF LINE-LENGTH NOT = 255
                   SET RECORD-SHORT TO TRUE
               END-IF
      *>       The read has taken it off.
               MOVE X"0A" TO HIS-LINE-FEED
           END-IF
           IF RECORD-GOOD
               IF HIS-TIME(11:1) NOT = "T" OR HIS-TIME(24:1) NOT = "Z"
                       OR HIS-HOST(1:1) = SPACE
                       OR HIS-TRIGGER(1:1) = SPACE
                       OR HIS-OUTCOME(1:1) = SPACE
                       OR HIS-LINE-FEED NOT = X"0A"
                   SET RECORD-BAD TO TRUE
               END-IF
           END-IF.

       KEEP-HISTORY-RECORD.
           MOVE RECORDS-READ TO RECORD-NUMBER
           PERFORM FIND-RING-PLACE
           MOVE RECORD-STATE TO RING-STATE(RING-PLACE) NEWEST-STATE
           MOVE HISTORY-RECORD TO RING-RECORD(RING-PLACE)
           IF NOT RECORD-GOOD
               IF TASK-DAMAGED = 0
                   MOVE RECORD-NUMBER TO TASK-FIRST-DAMAGED
               END-IF
               ADD 1 TO TASK-DAMAGED
           END-IF
           ADD 1 TO RECORDS-READ.

       FIND-RING-PLACE.
           COMPUTE RING-PLACE =
               FUNCTION MOD(RECORD-NUMBER, RING-SIZE) + 1.

       PRINT-HISTORY.
           MOVE 0 TO FIRST-SHOWN
           IF RECORDS-READ > TASK-WANTED
               SUBTRACT TASK-WANTED FROM RECORDS-READ
                   GIVING FIRST-SHOWN
           END-IF
           SUBTRACT FIRST-SHOWN FROM RECORDS-READ GIVING NUMBER-SHOWN
           DISPLAY "History: the last " FUNCTION TRIM(NUMBER-SHOWN)
               " of " WITH NO ADVANCING
           MOVE RECORDS-READ TO NUMBER-SHOWN
           DISPLAY FUNCTION TRIM(NUMBER-SHOWN)
               " records; ! marks what did not go well"
           PERFORM MEASURE-COLUMNS
           PERFORM PRINT-HEADING
           PERFORM VARYING RECORD-NUMBER FROM FIRST-SHOWN BY 1
                   UNTIL RECORD-NUMBER >= RECORDS-READ
               PERFORM PRINT-HISTORY-RECORD
           END-PERFORM.

       MEASURE-COLUMNS.
           MOVE 4 TO HOST-WIDTH
           MOVE 6 TO APPLICATION-WIDTH
           PERFORM VARYING RECORD-NUMBER FROM FIRST-SHOWN BY 1
                   UNTIL RECORD-NUMBER >= RECORDS-READ
               PERFORM FIND-RING-PLACE
               IF RING-STATE(RING-PLACE) = "G"
                   MOVE RING-RECORD(RING-PLACE) TO HISTORY-RECORD
                   COMPUTE HOST-WIDTH = FUNCTION MAX(HOST-WIDTH
                       FUNCTION LENGTH(FUNCTION TRIM(HIS-HOST)))
                   COMPUTE APPLICATION-WIDTH =
                       FUNCTION MAX(APPLICATION-WIDTH
                       FUNCTION LENGTH(FUNCTION TRIM(HIS-APPLICATION)))
               END-IF
           END-PERFORM.

       PRINT-HEADING.
           MOVE SPACE TO MARK
           MOVE "time" TO HIS-TIME
           MOVE "outcome" TO HIS-OUTCOME
           MOVE "process" TO HIS-PROCESS
           MOVE "trigger" TO HIS-TRIGGER
           MOVE "status" TO HIS-APPLICATION
           MOVE "host" TO HIS-HOST
           MOVE "text" TO HIS-TEXT
           PERFORM PRINT-ROW.

       PRINT-HISTORY-RECORD.
           PERFORM FIND-RING-PLACE
           IF RING-STATE(RING-PLACE) = "G"
               MOVE RING-RECORD(RING-PLACE) TO HISTORY-RECORD
               MOVE "!" TO MARK
               IF HIS-WELL
                   MOVE SPACE TO MARK
               END-IF
               PERFORM PRINT-ROW
           ELSE
               MOVE RECORD-NUMBER TO NUMBER-SHOWN
               DISPLAY "! (record " FUNCTION TRIM(NUMBER-SHOWN)
                   " is damaged)"
           END-IF.

       PRINT-ROW.
           DISPLAY MARK " " HIS-TIME "  " HIS-OUTCOME "  "
               HIS-PROCESS "  " HIS-TRIGGER "  "
               HIS-APPLICATION(1:APPLICATION-WIDTH) "  "
               HIS-HOST(1:HOST-WIDTH) "  "
               FUNCTION TRIM(HIS-TEXT TRAILING).
       END PROGRAM STATHIS.
