"""Requests as they come in, read and checked."""

import asyncio
from collections.abc import Callable

from aiohttp import web
from pydantic import ValidationError

from sdp_serving.contract.routes import VARIANT_HEADER, Variant
from sdp_serving.gateway.openai.bodies import Body
from sdp_serving.gateway.openai.refusal import RefusedError, refusal_of_fields
from sdp_serving.gateway.openai.requests import EditRequest, GenerationRequest
from sdp_serving.gateway.openai.uploads import read_mask, read_picture
from sdp_serving.gateway.openai.wanted import source, wanted
from sdp_serving.gateway.studio import Wanted


class Reader:
    """Reads requests for pictures."""

    def __init__(self, model_name: Callable[[], str]) -> None:
        """Give it its parts.

        Args:
            model_name: tells the only model that may be asked for.
        """
        self._model_name = model_name
        # Pixels of one upload at a time: they take many times the file's room.
        self._unpacking = asyncio.Lock()

    async def generation(self, request: web.Request, body: Body) -> tuple[GenerationRequest, Wanted]:
        """What `POST /v1/images/generations` asks for.

        Raises:
            RefusedError: it is not as it should be.
            InvalidRequestError: no model could do it.
        """
        try:
            asked = GenerationRequest.model_validate_json(await body.json(), strict=True)
        except ValidationError as invalid:
            raise refusal_of_fields(invalid) from invalid
        self._check_model(asked)
        return asked, wanted(asked, _variant(request))

    async def edit(self, request: web.Request, body: Body) -> tuple[GenerationRequest, Wanted]:
        """What `POST /v1/images/edits` asks for.

        Raises:
            RefusedError: it is not as it should be.
            InvalidRequestError: no model could do it.
        """
        form = await body.form()
        try:
            asked = EditRequest.model_validate_strings(form.fields)
        except ValidationError as invalid:
            raise refusal_of_fields(invalid) from invalid
        self._check_model(asked)
        async with self._unpacking:
            image = await asyncio.to_thread(read_picture, form.image)
            mask = None if form.mask is None else await asyncio.to_thread(read_mask, form.mask, image)
        body.unpacked(image.nbytes + (0 if mask is None else mask.nbytes))
        return asked, wanted(asked, _variant(request), source(asked, image, mask))

    def _check_model(self, asked: GenerationRequest) -> None:
        if asked.model not in {None, self._model_name()}:
            raise RefusedError(
                404,
                f"There is no such model here: use {self._model_name()}, or leave model out",
                param="model",
                code="model_not_found",
            )


def _variant(request: web.Request) -> Variant | None:
    header = request.headers.get(VARIANT_HEADER)
    if header is None:
        return None
    if header not in set(Variant):
        raise RefusedError(
            400,
            f"{VARIANT_HEADER} names no variant: write {' or '.join(Variant)}, or leave it out",
            param=VARIANT_HEADER,
            code="invalid_value",
        )
    return Variant(header)
