#!/usr/bin/env python3
"""flood.py KIND ADDRESS SECONDS CONNECTIONS CA [CERTIFICATE KEY]: calls the proxy's data port, or an edge in front
of it, as no gRPC client would. It writes HTTP/2 frames by itself, so that nothing keeps it to the rules. Ends with a line of
JSON: what was sent, and how often the other side ended a connection. Only for servers on loopback.

kinds:
  compressed   a message of 64 MB that gzip has made 64 kB of, in every call
  unnamed      the same without grpc-encoding, only flagged as compressed
  half         calls whose message never ends: 400 kB each, then nothing
  headers      1 MB of headers a call, before SETTINGS are agreed on
  continuation headers that never end: CONTINUATION frames
  streams      thousands of calls open at once, without a message
  reset        calls that are taken back at once
  control      pings and SETTINGS that ask for an answer, without end
  binary       a header `-bin` that is no base64
  large        9.5 kB of headers a call
  trailers     a bad `-bin` header and 3 kB more after the message
  unread       whole calls whose answers are never taken
  elements     120 kB of JSON with 40,000 empty texts, of which an edge makes a message of gRPC
  nested       120 kB of JSON that only opens brackets
  empty        500 kB of empty texts, as gRPC
  half-json    400 kB of JSON that never ends, then nothing
"""
import gzip
import json
import selectors
import socket
import ssl
import struct
import sys
import threading
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
LARGEST_FRAME = 16384
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SEQUENCE = b"def foo(): pass"
REQUEST = b"\x0a" + bytes([len(SEQUENCE)]) + SEQUENCE  # field 1, one text


def integer(value):
    """HPACK's integer with a prefix of seven bits."""
    if value < 127:
        return bytes([value])
    out, value = [127], value - 127
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


REQUEST_LINE = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"edge")]


def header_block(*more):
    return literals([*REQUEST_LINE, (b":path", b"/smartbatch.proxy.v1.ProxyService/ProxyClassify"),
                     (b"content-type", b"application/grpc"), (b"te", b"trailers"), *more])


def json_call(stream, body, flags=END_STREAM):
    block = literals([*REQUEST_LINE, (b":path", b"/v1/classify"), (b"content-type", b"application/json")])
    return headers(stream, block) + data(stream, body, flags)


def literals(fields):
    return b"".join(b"\x00" + integer(len(name)) + name + integer(len(value)) + value for name, value in fields)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(stream, block, flags=0):
    """HEADERS, and CONTINUATION as far as they do not fit."""
    pieces = [block[i:i + LARGEST_FRAME] for i in range(0, len(block), LARGEST_FRAME)]
    out = []
    for i, piece in enumerate(pieces):
        last = END_HEADERS if i == len(pieces) - 1 else 0
        out.append(frame(HEADERS, flags | last, stream, piece) if i == 0 else frame(CONTINUATION, last, stream, piece))
    return b"".join(out)


def message(payload, compressed=False):
    return struct.pack(">BI", compressed, len(payload)) + payload


def data(stream, payload, flags=END_STREAM):
    pieces = [payload[i:i + LARGEST_FRAME] for i in range(0, len(payload), LARGEST_FRAME)]
    return b"".join(frame(DATA, flags if i == len(pieces) - 1 else 0, stream, piece) for i, piece in enumerate(pieces))


BOMB = gzip.compress(b"\x0a" + bytes([0x80, 0x80, 0x80, 0x20]) + b"x" * (1 << 26), 9)
MANY = header_block(*((b"x-%d" % i, b"y" * 1000) for i in range(1000)))
LARGE = header_block(*((b"x-%d" % i, b"y" * 950) for i in range(10)))
BAD_BINARY = (b"x-bad-bin", b"!!! no base64 !!!")
ENDLESS = frame(CONTINUATION, 0, 1, literals([(b"x", b"y" * 16000)])) * 1000
ELEMENTS = b'{"sequences":[' + b'"",' * 40000 + b'""]}'
NESTED = b'{"sequences":' + b"[" * 120000
HALF = message(b"")[:1] + struct.pack(">I", 800000) + b"\x0a" + b"x" * 400000

# What one connection sends first, and then for each of its calls; a kind with a most of calls then only waits.
KINDS = {
    "compressed": (lambda s: headers(s, header_block((b"grpc-encoding", b"gzip"))) + data(s, message(BOMB, True)), 50),
    "unnamed": (lambda s: headers(s, header_block()) + data(s, message(BOMB, True)), 50),
    "half": (lambda s: headers(s, header_block()) + data(s, HALF, 0), 100),
    "headers": (lambda s: headers(s, MANY, END_STREAM), 1000),
    "continuation": (lambda s: ENDLESS if s > 1 else frame(HEADERS, 0, s, header_block()), 1000000),
    "streams": (lambda s: headers(s, header_block()), 20000),
    "reset": (lambda s: headers(s, header_block()) + frame(RST_STREAM, 0, s, struct.pack(">I", 8)), 1000000),
    "control": (lambda s: frame(PING, 0, 0, b"12345678") + frame(SETTINGS, 0, 0), 1000000),
    "binary": (lambda s: headers(s, header_block(BAD_BINARY)) + data(s, message(REQUEST)), 1000000),
    "large": (lambda s: headers(s, LARGE) + data(s, message(REQUEST)), 1000000),
    "trailers": (lambda s: headers(s, header_block()) + data(s, message(REQUEST), 0) +
                 headers(s, literals([BAD_BINARY, (b"x-more", b"y" * 3000)]), END_STREAM), 1000000),
    "unread": (lambda s: headers(s, header_block()) + data(s, message(REQUEST)), 20000),
    "elements": (lambda s: json_call(s, ELEMENTS), 1000000),
    "nested": (lambda s: json_call(s, NESTED), 1000000),
    "half-json": (lambda s: json_call(s, HALF[5:], 0), 100),
    "empty": (lambda s: headers(s, header_block()) + data(s, message(b"\x0a\x00" * 250000)), 1000000),
}
# Calls that a server may answer and that should not be sent faster than it works: so many a second on each connection.
RATES = {"binary": 20, "large": 20, "trailers": 20, "unread": 50, "reset": 5000, "compressed": 20, "unnamed": 20,
         "elements": 20, "nested": 20, "empty": 20}

totals = {"connections": 0, "ended": 0, "refused": 0, "calls": 0, "bytes": 0}
lock = threading.Lock()


def count(**by):
    with lock:
        for name, value in by.items():
            totals[name] += value


class Connection:
    """One connection that sends until `until`, or until the other side ends it. Answers are thrown away."""

    def __init__(self, kind, address, context, until):
        host, port = address.rsplit(":", 1)
        self.until = until
        self.kind = kind
        raw = socket.create_connection((host, int(port)), timeout=5)
        # Small buffers: what is not taken is not counted as sent, and an answer that is not read stays where it is.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        self.socket = context.wrap_socket(raw, server_hostname="edge")
        self.socket.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.socket, selectors.EVENT_READ)

    def close(self):
        self.selector.close()
        self.socket.close()

    def read(self, wait):
        """Throws away what has come; false when the other side has ended the connection."""
        if not self.selector.select(wait) and not self.socket.pending():
            return True
        try:
            return bool(self.socket.recv(65536))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True

    def send(self, payload):
        view = memoryview(payload)
        while view:
            if time.monotonic() > self.until:
                return False
            try:
                view = view[self.socket.send(view[:131072]):]
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if not self.read(0.02):
                    raise ConnectionResetError from None
        count(bytes=len(payload))
        return True

    def run(self):
        make, most = KINDS[self.kind]
        # A window of 0 for answers that nobody takes; else a large one, so that only the server's limits hold.
        window = 0 if self.kind == "unread" else (1 << 31) - 1
        self.send(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, window)))
        if self.kind not in ("headers", "continuation"):
            self.read(1)
            self.send(frame(SETTINGS, ACK, 0))
        stream, began, rate = 1, time.monotonic(), RATES.get(self.kind)
        while time.monotonic() < self.until:
            calls = (stream - 1) // 2
            if calls >= most or (rate and calls > (time.monotonic() - began) * rate):
                if not self.read(0.01):
                    raise ConnectionResetError
                continue
            if not self.send(make(stream)):
                return
            count(calls=1)
            stream += 2
            if not self.read(0):
                raise ConnectionResetError


def flood(kind, address, context, until):
    while time.monotonic() < until:
        try:
            connection = Connection(kind, address, context, until)
        except OSError:
            count(refused=1)
            time.sleep(0.05)
            continue
        count(connections=1)
        try:
            connection.run()
        except OSError:
            count(ended=1)
            time.sleep(0.02)
        finally:
            connection.close()


def main():
    kind, address, seconds, connections, authority, *own = sys.argv[1:]
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    if own:
        context.load_cert_chain(*own)
    until = time.monotonic() + float(seconds)
    threads = [threading.Thread(target=flood, args=(kind, address, context, until)) for _ in range(int(connections))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"kind": kind, **totals}))


if __name__ == "__main__":
    main()
