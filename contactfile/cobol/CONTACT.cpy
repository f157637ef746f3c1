      *> A record of the contact file, contact.dat: CONTACTFILE.md.
      *> Numbers in parentheses are those of patent JP10320338A.
      *> SEQUENTIAL: 128 bytes. LINE SEQUENTIAL: 127 bytes; a space
      *> stands in CON-LINE-FEED then.
       01  CONTACT-RECORD.
      *>   (131)
           05  CON-HOST          PIC X(64).
      *>   (132)
           05  CON-OPERATING     PIC X(8).
               88  CON-RUNNING       VALUE "RUNNING".
               88  CON-STOPPED       VALUE "STOPPED".
      *>   (133); these are the patent's, a definition may have others.
           05  CON-APPLICATION   PIC X(24).
               88  CON-NOT-STARTED   VALUE "NOT-STARTED".
               88  CON-ONLINE        VALUE "ONLINE".
               88  CON-BATCH         VALUE "BATCH".
      *>   Last change of 132 or 133, UTC: 2026-11-22T10:43:05Z
           05  CON-SINCE         PIC X(20).
      *>   Spaces.
           05  CON-FILLER        PIC X(11).
      *>   X"0A".
           05  CON-LINE-FEED     PIC X.
