"""The program inside the probe pod: dialer and listener of one node. Standard library only, and nothing else of pathcheck.

    __main__    environment, signals, exit codes            agent       puts the rest together
    loop        one thread: sockets and due times           courier     the other thread: what the API server says, what it is told
    questions   what is asked and what answers it           api         HTTP/1.1 over TLS, as much as is needed
    attempts    one try: a fresh socket, one outcome        listen      answers other probes
    rounds      when to try, what a round comes to          book        what is known, and what is worth a report
    assignment  the PathProbe's spec as told                words       what can be observed; times

Every module counts: the pod has 20 MiB, of which the interpreter with ssl takes 15. Hence no asyncio, dataclasses, typing,
http.client or logging here (tests/probe/test_imports.py holds it so). docs/probe.md says how it behaves.
"""
