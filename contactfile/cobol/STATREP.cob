      *> Prints a status report of a contact file and a history while
      *> the daemon writes them: README.md. STATCON and STATHIS read
      *> one file each.
       IDENTIFICATION DIVISION.
       PROGRAM-ID. STATREP.

       DATA DIVISION.
       WORKING-STORAGE SECTION.
       COPY STATTASK.
       01  ARGUMENT-COUNT            PIC 9(4).
       01  ARGUMENT                  PIC X(1000).
       01  DIRECTORY-NAME            PIC X(1000)
                                     VALUE "/var/lib/renraku".
       01  NOW                       PIC X(20).
       01  REASON                    PIC X(60).
       01  NUMBER-SHOWN              PIC Z(8)9.
       01  EXIT-STATUS               BINARY-LONG VALUE 0.

       PROCEDURE DIVISION.
       MAIN.
           PERFORM READ-ARGUMENTS
           MOVE FUNCTION FORMATTED-CURRENT-DATE("YYYY-MM-DDThh:mm:ssZ")
               TO NOW
           DISPLAY "Status report of "
               FUNCTION TRIM(DIRECTORY-NAME TRAILING)
               ", " NOW "; all times are UTC"
           DISPLAY " "
           STRING FUNCTION TRIM(DIRECTORY-NAME TRAILING) "/contact.dat"
               DELIMITED BY SIZE INTO TASK-PATH
           CALL "STATCON" USING TASK
           PERFORM REPORT-PROBLEMS
           DISPLAY " "
           MOVE SPACES TO TASK-PATH
           STRING FUNCTION TRIM(DIRECTORY-NAME TRAILING) "/history.dat"
               DELIMITED BY SIZE INTO TASK-PATH
           CALL "STATHIS" USING TASK
           PERFORM REPORT-PROBLEMS
           STOP RUN RETURNING EXIT-STATUS.

       READ-ARGUMENTS.
           MOVE "SEQUENTIAL" TO TASK-ORGANISATION
           MOVE 10 TO TASK-WANTED
           MOVE SPACES TO TASK-PATH
           ACCEPT ARGUMENT-COUNT FROM ARGUMENT-NUMBER
           IF ARGUMENT-COUNT > 3
               PERFORM REFUSE-ARGUMENTS
           END-IF
           IF ARGUMENT-COUNT >= 1
               ACCEPT DIRECTORY-NAME FROM ARGUMENT-VALUE
               IF DIRECTORY-NAME = SPACES
                       OR DIRECTORY-NAME(1000:1) NOT = SPACE
                   PERFORM REFUSE-ARGUMENTS
               END-IF
           END-IF
           IF ARGUMENT-COUNT >= 2
               ACCEPT ARGUMENT FROM ARGUMENT-VALUE
               MOVE ARGUMENT(1:15) TO TASK-ORGANISATION
               IF ARGUMENT NOT = TASK-ORGANISATION
                       OR NOT (BY-BYTES OR BY-LINES)
                   PERFORM REFUSE-ARGUMENTS
               END-IF
           END-IF
           IF ARGUMENT-COUNT = 3
               ACCEPT ARGUMENT FROM ARGUMENT-VALUE
               PERFORM READ-WANTED
           END-IF.

       READ-WANTED.
           EVALUATE TRUE
               WHEN ARGUMENT(4:) NOT = SPACES
                   PERFORM REFUSE-ARGUMENTS
               WHEN ARGUMENT(1:3) IS NUMERIC
                   MOVE ARGUMENT(1:3) TO TASK-WANTED
               WHEN ARGUMENT(1:2) IS NUMERIC AND ARGUMENT(3:1) = SPACE
                   MOVE ARGUMENT(1:2) TO TASK-WANTED
               WHEN ARGUMENT(1:1) IS NUMERIC AND ARGUMENT(2:2) = SPACES
                   MOVE ARGUMENT(1:1) TO TASK-WANTED
               WHEN OTHER
                   PERFORM REFUSE-ARGUMENTS
           END-EVALUATE.

       REFUSE-ARGUMENTS.
           DISPLAY "usage: STATREP [DIRECTORY [SEQUENTIAL|"
               "LINE-SEQUENTIAL [RECORDS, 0 TO 999]]]" UPON SYSERR
           STOP RUN RETURNING 2.

      *> What the report leaves out is said on standard error.
       REPORT-PROBLEMS.
           IF NOT READ-TO-THE-END
               MOVE 1 TO EXIT-STATUS
               EVALUATE TRUE
                   WHEN FILE-MISSING
                       MOVE "there is no such file" TO REASON
                   WHEN FILE-FORBIDDEN
                       MOVE "permission denied" TO REASON
                   WHEN FILE-LOCKED
                       MOVE "another program has locked it" TO REASON
                   WHEN OTHER
                       MOVE "it cannot be read" TO REASON
               END-EVALUATE
               DISPLAY "STATREP: " FUNCTION TRIM(TASK-PATH TRAILING)
                   ": " FUNCTION TRIM(REASON)
                   " (file status " TASK-RESULT ")" UPON SYSERR
           END-IF
           IF TASK-DAMAGED > 0
               MOVE 1 TO EXIT-STATUS
               PERFORM REPORT-DAMAGE
           END-IF.

       REPORT-DAMAGE.
           MOVE TASK-FIRST-DAMAGED TO NUMBER-SHOWN
           DISPLAY "STATREP: " FUNCTION TRIM(TASK-PATH TRAILING)
               ": record " FUNCTION TRIM(NUMBER-SHOWN) " is damaged"
               WITH NO ADVANCING UPON SYSERR
           MOVE TASK-DAMAGED TO NUMBER-SHOWN
           DISPLAY "; " FUNCTION TRIM(NUMBER-SHOWN) " in all"
               UPON SYSERR.
       END PROGRAM STATREP.
