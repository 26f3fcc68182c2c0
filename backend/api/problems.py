"""Errors of the API as problem details (RFC 9457), naming the field that is wrong."""

from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse


def problem(status: int, detail: str = "", errors: list[dict[str, str]] | None = None) -> JSONResponse:
    """Make an answer that tells what is wrong.

    Args:
        status: HTTP status.
        detail: what is wrong this time, one sentence.
        errors: the fields that are wrong, each with `field` and `detail`.
    """
    body: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail:
        body["detail"] = detail
    if errors:
        body["errors"] = errors
    return JSONResponse(body, status, media_type="application/problem+json")


def invalid_request(error: RequestValidationError) -> JSONResponse:
    """Name every field of a request that does not fit."""
    errors = [
        {"field": ".".join(str(part) for part in one["loc"][1:]), "detail": str(one["msg"])} for one in error.errors()
    ]
    fields = ", ".join(one["field"] for one in errors)
    return problem(422, f"these fields do not fit: {fields}", errors)
