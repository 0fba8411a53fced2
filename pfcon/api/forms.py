"""Reading a ``POST``'s fields and, in multipart, its zip, which is spooled once in constant memory."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

from flask import Request
from multipart import MultipartError, ParserLimitReached, PushMultipartParser, parse_options_header

from pfcon.errors import InvalidFields, Refused, TooLarge, UnsupportedContent
from pfcon.settings.model import UploadLimits
from pfcon.storage.base import Upload
from pfcon.units import human_bytes

READ_SIZE = 1024 * 1024  # bytes; reading in smaller pieces costs the server a multiple of the time
MAX_FIELDS = 10_000
UPLOAD_FIELD = "data_file"
FORM_TYPES = "application/x-www-form-urlencoded or multipart/form-data"


@dataclass
class Form:
    """Values of each field, in order; and the upload, where one was expected and came."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    upload: Upload | None = None

    def add(self, name: str, value: str) -> None:
        """Append one value."""
        self.fields.setdefault(name, []).append(value)


@contextmanager
def read_form(request: Request, limits: UploadLimits, spool: Callable[[], Path] | None) -> Iterator[Form]:
    """The request's form. The upload's file has no name and vanishes with the context, or with the process.

    ``spool`` gives the directory for uploads; without it a ``data_file`` part is read and dropped. Raises
    UnsupportedContent, Refused (malformed, cut off), InvalidFields or TooLarge.
    """
    if request.mimetype == "application/x-www-form-urlencoded":
        yield _read_urlencoded(request, limits)
    elif request.mimetype == "multipart/form-data":
        _check_size(request.content_length, limits)
        if spool is None:
            yield _read_multipart(request, limits, None)
        else:
            with tempfile.TemporaryFile(dir=spool()) as file:
                yield _read_multipart(request, limits, file)
    else:
        raise UnsupportedContent(f"Content-Type must be {FORM_TYPES}, got {request.mimetype or 'none'}")


def _check_size(size: int | None, limits: UploadLimits) -> None:
    most = limits.upload_bytes
    if most and size is not None and size > most + limits.form_bytes:
        raise TooLarge(
            f"data_file: the request has {size} bytes, more than the {most} ({human_bytes(most)}) that "
            "PFCON_MAX_UPLOAD_BYTES allows"
        )


def _form_too_large(limits: UploadLimits) -> TooLarge:
    return TooLarge(f"the form's fields have more than the {limits.form_bytes} bytes that PFCON_MAX_FORM_BYTES allows")


def read_body(request: Request, most: int, too_large: TooLarge) -> bytes:
    """A body of at most ``most`` bytes. Raises ``too_large``, and Refused for one that is malformed or cut off."""
    length = request.content_length
    if length is not None and length > most:
        raise too_large
    body = b"".join(_pieces(request, most + 1))
    if len(body) > most:
        raise too_large
    if length is not None and len(body) < length:
        raise _cut_off(len(body), length)
    return body


def _read_urlencoded(request: Request, limits: UploadLimits) -> Form:
    body = read_body(request, limits.form_bytes, _form_too_large(limits))
    form = Form()
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:
        raise Refused(f"the form is malformed: {error}") from None
    for name, value in pairs:
        form.add(name, value)
    return form


def _pieces(request: Request, most: int) -> Iterator[bytes]:
    left = most
    while left > 0:
        piece = _read(request, min(READ_SIZE, left))
        if not piece:
            return
        left -= len(piece)
        yield piece


def _read(request: Request, size: int) -> bytes:
    # Not request.stream: werkzeug's wrapper raises its own errors for what a server's input raises as OSError here.
    try:
        return bytes(request.environ["wsgi.input"].read(size))
    except Exception as error:  # noqa: BLE001 - a server's own: no chunk, the connection broke, or moved no byte for too long
        raise Refused(f"the request's body could not be read to its end: {error}") from None


def _cut_off(got: int, announced: int) -> Refused:
    return Refused(f"the request's body was cut off after {got} of {announced} bytes")


def _read_multipart(request: Request, limits: UploadLimits, file: BinaryIO | None) -> Form:
    boundary = parse_options_header(request.headers["Content-Type"])[1].get("boundary", "")
    reader = _MultipartReader(limits, file)
    try:
        parser = PushMultipartParser(
            boundary, content_length=request.content_length or -1, max_segment_count=MAX_FIELDS
        )
        for event in parser.parse_blocking(lambda size: _read(request, size), READ_SIZE):
            reader.take(event)
    except ParserLimitReached as error:
        raise TooLarge(f"the multipart form is too large: {error}") from None
    except MultipartError as error:
        raise Refused(f"the multipart form is malformed or was cut off: {error}") from None
    return reader.form()


class _MultipartReader:
    """Takes a parser's events: a segment, its pieces, and None at its end."""

    def __init__(self, limits: UploadLimits, file: BinaryIO | None) -> None:
        self._limits = limits
        self._file = file
        self._form = Form()
        self._name = ""
        self._value: list[bytes] = []
        self._field_bytes = 0
        self._upload_bytes = 0
        self._uploads = 0

    def take(self, event: Any) -> None:
        """One event. Raises Refused, InvalidFields, TooLarge."""
        if event is None:
            self._end_segment()
        elif isinstance(event, (bytes, bytearray)):
            self._take_piece(event)
        else:
            self._name = event.name
            self._value = []
            self._uploads += self._name == UPLOAD_FIELD
            if self._uploads > 1 and self._file is not None:
                raise InvalidFields({UPLOAD_FIELD: "must be sent once"})

    def _take_piece(self, piece: bytes | bytearray) -> None:
        if self._name == UPLOAD_FIELD:
            self._upload_bytes += len(piece)
            _check_size(self._upload_bytes - self._limits.form_bytes, self._limits)
            if self._file is not None:
                _spool(self._file, piece, self._upload_bytes)
            return
        self._field_bytes += len(piece)
        if self._field_bytes > self._limits.form_bytes:
            raise _form_too_large(self._limits)
        self._value.append(bytes(piece))

    def _end_segment(self) -> None:
        if self._name == UPLOAD_FIELD:
            return
        try:
            self._form.add(self._name, b"".join(self._value).decode())
        except UnicodeDecodeError:
            raise InvalidFields({self._name: "must be UTF-8 text"}) from None

    def form(self) -> Form:
        """What was read."""
        if self._file is not None and self._uploads:
            self._file.flush()
            self._form.upload = Upload(self._file, self._upload_bytes)
        return self._form


def _spool(file: BinaryIO, piece: bytes | bytearray, total: int) -> None:
    try:
        file.write(piece)
    except OSError as error:  # ENOSPC, EDQUOT
        raise TooLarge(
            f"data_file: storeBase has no room for more than {total} bytes of it: {error.strerror}"
        ) from None
