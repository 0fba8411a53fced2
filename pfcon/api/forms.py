"""Reads the fields of a ``POST`` and, in multipart, the uploaded zip, which is written to a file in constant memory."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

from flask import Request
from multipart import MultipartError, ParserLimitReached, PushMultipartParser, parse_options_header

from pfcon.api.charsets import decode_value
from pfcon.api.job_fields import DATA_FILE
from pfcon.archive.limits import UploadLimits
from pfcon.errors import InvalidFields, Refused, StorageFull, TooLarge, UnsupportedContent
from pfcon.files.faults import is_full
from pfcon.paths import StoreBase
from pfcon.reservation import STEP, Reservation
from pfcon.storage.base import Upload
from pfcon.units import human_bytes

READ_SIZE = 1024 * 1024  # bytes of one read; smaller reads take several times as long in total
MAX_FIELDS = 10_000
UPLOAD_FIELD = DATA_FILE.name
UPLOAD_NEEDS = f"{UPLOAD_FIELD}: the next bytes of the upload"
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


@dataclass
class Form:
    """The values of each field, in order. upload: None when none was expected or none was sent."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    upload: Upload | None = None

    def add(self, name: str, value: str) -> None:
        """Append a value to a field."""
        self.fields.setdefault(name, []).append(value)


@contextmanager
def read_form(request: Request, limits: UploadLimits, storebase: StoreBase | None) -> Iterator[Form]:
    """A context that returns the request's form. The upload's file has no name and is deleted at the end of it.

    The upload is stored in the spool directory of ``storebase``; space for it is reserved while it grows. When
    ``storebase`` is None, a ``data_file`` part is read and discarded. Raises UnsupportedContent, Refused (malformed or
    incomplete body), InvalidFields, TooLarge, StorageFull.
    """
    if request.mimetype == URLENCODED:
        yield _read_urlencoded(request, limits)
    elif request.mimetype == MULTIPART:
        _check_size(request.content_length, limits)
        if storebase is None:
            yield _read_multipart(request, limits, None)
        else:
            with tempfile.TemporaryFile(dir=storebase.spool) as file:
                with Reservation(storebase, limits.free_bytes) as room:
                    form = _read_multipart(request, limits, _Spool(file, room, request.content_length))
                yield form
    else:
        raise UnsupportedContent(f"Content-Type must be {URLENCODED} or {MULTIPART}, got {request.mimetype or 'none'}")


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
    """Return the body. Raises ``too_large`` above ``most`` bytes, Refused when it is malformed or incomplete."""
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
    # Not request.stream: werkzeug's wrapper would replace the server's OSError by errors of its own.
    try:
        return bytes(request.environ["wsgi.input"].read(size))
    except Exception as error:  # noqa: BLE001 - the server's errors: malformed chunk, broken connection, timeout
        raise Refused(f"the request's body could not be read to its end: {error}") from None


def _cut_off(got: int, announced: int) -> Refused:
    return Refused(f"the request's body was cut off after {got} of {announced} bytes")


def _read_multipart(request: Request, limits: UploadLimits, spool: "_Spool | None") -> Form:
    boundary = parse_options_header(request.headers["Content-Type"])[1].get("boundary", "")
    reader = _MultipartReader(limits, spool)
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
    """Handles the parser's events: the start of a segment, its pieces, None at its end."""

    def __init__(self, limits: UploadLimits, spool: "_Spool | None") -> None:
        self._limits = limits
        self._spool = spool
        self._form = Form()
        self._name = ""
        self._charset: str | None = None
        self._value: list[bytes] = []
        self._field_bytes = 0
        self._upload_bytes = 0
        self._uploads = 0

    def take(self, event: Any) -> None:
        """Handle one event. Raises InvalidFields, TooLarge, StorageFull, OSError."""
        if event is None:
            self._end_segment()
        elif isinstance(event, (bytes, bytearray)):
            self._take_piece(event)
        else:
            self._name, self._charset = event.name, event.charset
            self._value = []
            self._uploads += self._name == UPLOAD_FIELD
            if self._uploads > 1 and self._spool is not None:
                raise InvalidFields({UPLOAD_FIELD: "must be sent only once"})

    def _take_piece(self, piece: bytes | bytearray) -> None:
        if self._name == UPLOAD_FIELD:
            self._upload_bytes += len(piece)
            _check_size(self._upload_bytes - self._limits.form_bytes, self._limits)
            if self._spool is not None:
                self._spool.write(piece)
            return
        self._field_bytes += len(piece)
        if self._field_bytes > self._limits.form_bytes:
            raise _form_too_large(self._limits)
        self._value.append(bytes(piece))

    def _end_segment(self) -> None:
        if self._name == UPLOAD_FIELD:
            return
        try:
            self._form.add(self._name, decode_value(b"".join(self._value), self._charset))
        except ValueError as fault:
            raise InvalidFields({self._name: str(fault)}) from None

    def form(self) -> Form:
        """Return the form after the last event. Raises StorageFull, OSError."""
        if self._spool is not None and self._uploads:
            self._spool.flush()
            self._form.upload = Upload(self._spool.file, self._upload_bytes)
        return self._form


class _Spool:
    """The file of an upload; space is reserved while it grows. length: bytes of the request, None if unknown."""

    def __init__(self, file: BinaryIO, room: Reservation, length: int | None) -> None:
        self.file = file
        self._room, self._length = room, length
        self._written = 0
        if length is not None:
            room.check(length, "data_file: the upload's bytes")

    def write(self, piece: bytes | bytearray) -> None:
        """Append bytes. Raises StorageFull, OSError."""
        left = STEP if self._length is None else max(len(piece), self._length - self._written)
        self._room.ensure(len(piece), UPLOAD_NEEDS, at_most=left)
        try:
            self.file.write(piece)
        except OSError as error:
            raise self._fault(error) from None
        self._written += len(piece)
        self._room.record_written(len(piece))

    def flush(self) -> None:
        """Write buffered bytes to the file. Raises StorageFull, OSError."""
        try:
            self.file.flush()
        except OSError as error:
            raise self._fault(error) from None

    def _fault(self, error: OSError) -> Exception:
        if not is_full(error):
            return error
        return StorageFull(
            f"data_file: storeBase has no space for more than {self._written} bytes of it: {error.strerror}"
        )
