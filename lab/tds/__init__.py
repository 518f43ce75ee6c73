"""The protocol TDS 7.4 (MS-TDS): packets, PRELOGIN with TLS in it, LOGIN7, requests, tokens, types. It knows no SQL."""
