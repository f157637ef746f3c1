      *> The part of the status report that comes from the contact file.
       IDENTIFICATION DIVISION.
       PROGRAM-ID. STATCON.

       ENVIRONMENT DIVISION.
       INPUT-OUTPUT SECTION.
       FILE-CONTROL.
      *>   An organisation stands in the source. So the file is there
      *>   twice, and one of the two is opened.
           SELECT CONTACT-BYTES ASSIGN TO CONTACT-PATH
               ORGANIZATION IS SEQUENTIAL
               FILE STATUS IS FILE-RESULT.
           SELECT CONTACT-LINES ASSIGN TO CONTACT-PATH
               ORGANIZATION IS LINE SEQUENTIAL
               FILE STATUS IS FILE-RESULT.

       DATA DIVISION.
       FILE SECTION.
       FD  CONTACT-BYTES.
       01  CONTACT-BYTES-RECORD      PIC X(128).
      *> One byte more than a line has shows one that is too long.
       FD  CONTACT-LINES
           RECORD IS VARYING IN SIZE FROM 1 TO 128 CHARACTERS
           DEPENDING ON LINE-LENGTH.
       01  CONTACT-LINES-RECORD      PIC X(128).

       WORKING-STORAGE SECTION.
       COPY CONTACT.
       01  CONTACT-PATH              PIC X(1020).
       01  LINE-LENGTH               PIC 9(4).
       01  FILE-RESULT               PIC XX.
           88  FILE-GOES-ON          VALUES "00" THRU "09".
           88  FILE-ENDS-INSIDE      VALUE "04".
       01  RECORD-STATE              PIC X.
           88  RECORD-GOOD           VALUE "G".
           88  RECORD-BAD            VALUE "B".

      *> What is damaged may be in the middle of a change. It is looked
      *> at again after a moment.
       01  ATTEMPT-LIMIT             CONSTANT AS 5.
       01  ATTEMPT                   PIC 9(4).
       01  PAUSE-NANOSECONDS         BINARY-DOUBLE UNSIGNED
                                     VALUE 2000000.

       01  COUNTS.
           05  SERVERS               PIC 9(9).
           05  SERVERS-RUNNING       PIC 9(9).
           05  SERVERS-STOPPED       PIC 9(9).
           05  STATUSES              PIC 9(9).
           05  OTHER-STATUS          PIC 9(9).

      *> The statuses and STOPPED servers that are shown at most.
       01  STATUS-LIMIT              CONSTANT AS 500.
       01  STOPPED-LIMIT             CONSTANT AS 1000.
       01  STATUS-TABLE.
           05  STATUS-ENTRY          OCCURS STATUS-LIMIT
                                     INDEXED BY STATUS-X.
               10  STATUS-NAME       PIC X(24).
               10  STATUS-COUNT      PIC 9(9).
       01  STOPPED-TABLE.
           05  STOPPED-ENTRY         OCCURS STOPPED-LIMIT
                                     INDEXED BY STOPPED-X.
               10  STOPPED-HOST      PIC X(64).
               10  STOPPED-SINCE     PIC X(20).
       01  NUMBER-SHOWN              PIC Z(8)9.

       LINKAGE SECTION.
       COPY STATTASK.

       PROCEDURE DIVISION USING TASK.
       MAIN.
           MOVE TASK-PATH TO CONTACT-PATH
           PERFORM COUNT-CONTACT-FILE
           PERFORM VARYING ATTEMPT FROM 2 BY 1
                   UNTIL TASK-DAMAGED = 0 OR ATTEMPT > ATTEMPT-LIMIT
               CALL "CBL_GC_NANOSLEEP" USING PAUSE-NANOSECONDS
               PERFORM COUNT-CONTACT-FILE
           END-PERFORM
           EVALUATE TRUE
               WHEN NOT READ-TO-THE-END
                   DISPLAY "The contact file could not be read."
               WHEN SERVERS = 0
                   DISPLAY "No monitoring: the contact file is empty."
               WHEN OTHER
                   PERFORM PRINT-SERVERS
                   PERFORM PRINT-STATUSES
                   PERFORM PRINT-STOPPED
           END-EVALUATE
           GOBACK.

       COUNT-CONTACT-FILE.
           INITIALIZE COUNTS TASK-DAMAGED TASK-FIRST-DAMAGED
           IF BY-BYTES
               OPEN INPUT CONTACT-BYTES
           ELSE
               OPEN INPUT CONTACT-LINES
           END-IF
           MOVE FILE-RESULT TO TASK-RESULT
           IF FILE-GOES-ON
               PERFORM READ-CONTACT-RECORD
               PERFORM UNTIL NOT FILE-GOES-ON
                   PERFORM COUNT-CONTACT-RECORD
                   PERFORM READ-CONTACT-RECORD
               END-PERFORM
      *>       The CLOSE has a file status of its own.
               MOVE FILE-RESULT TO TASK-RESULT
               IF BY-BYTES
                   CLOSE CONTACT-BYTES
               ELSE
                   CLOSE CONTACT-LINES
               END-IF
           END-IF.

       READ-CONTACT-RECORD.
           SET RECORD-GOOD TO TRUE
           IF BY-BYTES
               READ CONTACT-BYTES INTO CONTACT-RECORD
               END-READ
               IF FILE-ENDS-INSIDE
                   SET RECORD-BAD TO TRUE
               END-IF
           ELSE
               READ CONTACT-LINES INTO CONTACT-RECORD
               END-READ
               IF LINE-LENGTH NOT = 127
                   SET RECORD-BAD TO TRUE
               END-IF
      *>       The read has taken it off.
               MOVE X"0A" TO CON-LINE-FEED
           END-IF
           IF CON-HOST(1:1) = SPACE OR CON-FILLER NOT = SPACES
                   OR NOT (CON-RUNNING OR CON-STOPPED)
                   OR CON-SINCE(20:1) NOT = "Z"
                   OR CON-LINE-FEED NOT = X"0A"
               SET RECORD-BAD TO TRUE
           END-IF.

       COUNT-CONTACT-RECORD.
           EVALUATE TRUE
               WHEN RECORD-BAD
                   IF TASK-DAMAGED = 0
                       MOVE SERVERS TO TASK-FIRST-DAMAGED
                   END-IF
                   ADD 1 TO TASK-DAMAGED
               WHEN CON-RUNNING
                   ADD 1 TO SERVERS-RUNNING
                   PERFORM COUNT-STATUS
               WHEN OTHER
                   ADD 1 TO SERVERS-STOPPED
                   PERFORM COUNT-STATUS
                   PERFORM KEEP-STOPPED
           END-EVALUATE
           ADD 1 TO SERVERS.

       COUNT-STATUS.
           PERFORM VARYING STATUS-X FROM 1 BY 1
                   UNTIL STATUS-X > STATUSES
                   OR STATUS-NAME(STATUS-X) = CON-APPLICATION
               CONTINUE
           END-PERFORM
           EVALUATE TRUE
               WHEN STATUS-X <= STATUSES
                   ADD 1 TO STATUS-COUNT(STATUS-X)
               WHEN STATUSES < STATUS-LIMIT
                   ADD 1 TO STATUSES
                   MOVE CON-APPLICATION TO STATUS-NAME(STATUS-X)
                   MOVE 1 TO STATUS-COUNT(STATUS-X)
               WHEN OTHER
                   ADD 1 TO OTHER-STATUS
           END-EVALUATE.

       KEEP-STOPPED.
           IF SERVERS-STOPPED <= STOPPED-LIMIT
               SET STOPPED-X TO SERVERS-STOPPED
               MOVE CON-HOST TO STOPPED-HOST(STOPPED-X)
               MOVE CON-SINCE TO STOPPED-SINCE(STOPPED-X)
           END-IF.

       PRINT-SERVERS.
           DISPLAY "Operating status"
           MOVE SERVERS-RUNNING TO NUMBER-SHOWN
           DISPLAY NUMBER-SHOWN "  RUNNING"
           MOVE SERVERS-STOPPED TO NUMBER-SHOWN
           DISPLAY NUMBER-SHOWN "  STOPPED"
           IF TASK-DAMAGED > 0
               MOVE TASK-DAMAGED TO NUMBER-SHOWN
               DISPLAY NUMBER-SHOWN "  (record damaged)"
           END-IF
           MOVE SERVERS TO NUMBER-SHOWN
           DISPLAY NUMBER-SHOWN "  in all".

       PRINT-STATUSES.
           DISPLAY " "
           DISPLAY "Application execution status"
           PERFORM VARYING STATUS-X FROM 1 BY 1
                   UNTIL STATUS-X > STATUSES
               MOVE STATUS-COUNT(STATUS-X) TO NUMBER-SHOWN
               IF STATUS-NAME(STATUS-X) = SPACES
                   DISPLAY NUMBER-SHOWN "  (no status)"
               ELSE
                   DISPLAY NUMBER-SHOWN "  "
                       FUNCTION TRIM(STATUS-NAME(STATUS-X))
               END-IF
           END-PERFORM
           IF OTHER-STATUS > 0
               MOVE OTHER-STATUS TO NUMBER-SHOWN
               DISPLAY NUMBER-SHOWN "  (other statuses)"
           END-IF.

       PRINT-STOPPED.
           DISPLAY " "
           IF SERVERS-STOPPED = 0
               DISPLAY "No server is STOPPED."
           ELSE
               DISPLAY "STOPPED since"
           END-IF
           PERFORM VARYING STOPPED-X FROM 1 BY 1
                   UNTIL STOPPED-X > SERVERS-STOPPED
                   OR STOPPED-X > STOPPED-LIMIT
               DISPLAY "  " STOPPED-SINCE(STOPPED-X) "  "
                   FUNCTION TRIM(STOPPED-HOST(STOPPED-X))
           END-PERFORM
           IF SERVERS-STOPPED > STOPPED-LIMIT
               SUBTRACT STOPPED-LIMIT FROM SERVERS-STOPPED
                   GIVING NUMBER-SHOWN
               DISPLAY "  and " FUNCTION TRIM(NUMBER-SHOWN) " more"
           END-IF.
       END PROGRAM STATCON.
