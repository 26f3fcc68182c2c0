"""Forms with a file, as browsers send them (RFC 7578)."""

from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 21_000_000
"""Of a form: the largest file that anything takes, and its fields."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The fields of a form and its one file; without one its name is empty."""

    fields: dict[str, str]
    name: str
    content: bytes


async def read_upload(request: Request) -> Upload:
    """Read a multipart form.

    Raises:
        HTTPException: 413, it is too long; 400, it is no such form.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413)
    kind = request.headers.get("Content-Type", "")
    if not kind.startswith("multipart/form-data"):
        raise HTTPException(400)
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode("latin-1") + bytes(body))
    fields, name, content = dict[str, str](), "", b""
    for part in message.iter_parts() if message.is_multipart() else ():
        field = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        if not isinstance(field, str) or not isinstance(data, bytes):
            raise HTTPException(400)
        if (given := part.get_filename()) is not None:
            name, content = given, data
        else:
            fields[field] = data.decode("utf-8", "replace")
    return Upload(fields, name, content)
