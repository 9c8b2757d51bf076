"""A reader of requests that shares no code with the proxy and forgives nothing (RFC 9112).

What a well-behaved sender would never write is refused here even where a recipient may accept it:
chunk extensions, empty list elements, a target with bytes that are not visible ASCII.
"""

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21\x22\x24-\x7e]+) HTTP/1\.([01])")
FIELD_LINE = re.compile(rb"(" + TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)?)")
HOST = re.compile(rb"(?:[0-9A-Za-z\-._~%]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
MAX_CONTENT = 1 << 20


class Malformed(Exception):
    pass


class Incomplete(Exception):
    pass


class Request:
    """One request: method, target, minor version, fields as (lower-case name, value), content,
    trailers."""

    def __init__(self, method, target, minor, fields):
        self.method = method
        self.target = target
        self.minor = minor
        self.fields = fields
        self.content = b""
        self.trailers = []

    def all(self, name):
        return [value for field, value in self.fields if field == name]


def _section(data):
    """@return (lines of the section, bytes behind its empty line)"""
    end = data.find(b"\r\n\r\n") if not data.startswith(b"\r\n") else -2
    text = data[:max(end, 0)] if end != -1 else data
    # A bare CR or LF shows at once; the last byte may be the CR of a CRLF to come.
    if re.search(rb"(?<!\r)\n|\r(?!\n)(?!\Z)", text + (b"\r\n" if end != -1 else b"")):
        raise Malformed("bare CR or LF")
    if end == -1:
        raise Incomplete
    return (text.split(b"\r\n") if text else []), data[end + 4:]


def _fields(lines):
    fields = []
    for line in lines:
        match = FIELD_LINE.fullmatch(line)
        if not match:
            raise Malformed(f"field line {line!r}")
        fields.append((match[1].lower(), match[2].rstrip(b" \t")))
    return fields


def _chunked(data):
    """@return (content, trailers, rest)"""
    content = b""
    while True:
        line, found, rest = data.partition(b"\r\n")
        if not found:
            if re.search(rb"[^0-9A-Fa-f\r]", data):
                raise Malformed(f"chunk size {data[:20]!r}")
            raise Incomplete
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line):
            raise Malformed(f"chunk size {line!r}")
        size = int(line, 16)
        if size == 0:
            lines, rest = _section(rest)
            trailers = _fields(lines)
            for name, _ in trailers:
                if name in (b"content-length", b"transfer-encoding", b"host", b"trailer"):
                    raise Malformed(f"trailer {name!r}")
            return content, trailers, rest
        if len(content) + size > MAX_CONTENT:
            raise Incomplete  # more than a test sends
        if len(rest) < size + 2:
            raise Incomplete
        if rest[size:size + 2] != b"\r\n":
            raise Malformed("no CRLF behind a chunk")
        content += rest[:size]
        data = rest[size + 2:]


def read_request(data):
    """@return (Request, rest); raises Malformed, or Incomplete where more bytes are needed."""
    lines, rest = _section(data)
    start = REQUEST_LINE.fullmatch(lines[0]) if lines else None
    if not start:
        raise Malformed(f"request line {lines[:1]!r}")
    request = Request(start[1], start[2], int(start[3]), _fields(lines[1:]))
    hosts = request.all(b"host")
    if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
        raise Malformed(f"Host {hosts!r}")
    lengths = request.all(b"content-length")
    codings = request.all(b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Malformed("more than one field says the length")
    if codings:
        if codings[0].lower() != b"chunked" or request.minor == 0:
            raise Malformed(f"Transfer-Encoding {codings!r}")
        request.content, request.trailers, rest = _chunked(rest)
    elif lengths:
        if not re.fullmatch(rb"0|[1-9][0-9]{0,17}", lengths[0]):
            raise Malformed(f"Content-Length {lengths!r}")
        size = int(lengths[0])
        if len(rest) < size:
            raise Incomplete
        request.content, rest = rest[:size], rest[size:]
    return request, rest
