"""The OpenAPI document of the gateway's own API, from the models that its bodies are checked by."""

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from sdp_serving.gateway.openai.answers import Completed, Model, Models, PartialImage, Pictures
from sdp_serving.gateway.openai.refusal import ErrorBody
from sdp_serving.gateway.openai.requests import EditRequest, GenerationRequest
from sdp_serving.gateway.state import State

_REFERENCE: Final = "#/components/schemas/{model}"
_REQUESTS: Final = (GenerationRequest, EditRequest)
_ANSWERS: Final = (Completed, ErrorBody, Model, Models, PartialImage, Pictures, State)


def document() -> dict[str, Any]:
    """OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html)."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sdpipeline gateway",
            "version": "1",
            "description": "Pictures by OpenAI's images API, and the state of the pipeline that draws them.",
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        # Whether keys are asked for is the gateway's choice.
        "security": [{}, {"key": []}],
        "paths": {
            "/v1/images/generations": {
                "post": _operation(
                    "generate",
                    "Pictures from a prompt",
                    body={"application/json": {"schema": _reference(GenerationRequest)}},
                    answer=_PICTURES,
                )
            },
            "/v1/images/edits": {
                "post": _operation(
                    "edit",
                    "Pictures from a picture, or of a part of it",
                    body={"multipart/form-data": {"schema": _edit_form()}},
                    answer=_PICTURES,
                )
            },
            "/v1/models": {"get": _operation("listModels", "The pipeline", answer=_json(Models))},
            "/api/state": {"get": _operation("state", "What serves and what is under way", answer=_json(State))},
        },
    }


def _schemas() -> dict[str, Any]:
    modes = [*((model, "validation") for model in _REQUESTS), *((model, "serialization") for model in _ANSWERS)]
    _, schema = models_json_schema(modes, ref_template=_REFERENCE)  # type: ignore[arg-type]  # a list of literals
    definitions: dict[str, Any] = schema["$defs"]
    return definitions


def _operation(
    name: str, summary: str, *, answer: dict[str, Any], body: dict[str, Any] | None = None
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": {"description": "OK", "content": answer},
            "default": {"description": "What is wrong and what to do", "content": _json(ErrorBody)},
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _edit_form() -> dict[str, Any]:
    file = {"type": "string", "format": "binary"}
    fields = EditRequest.model_json_schema(ref_template=_REFERENCE)
    return {
        "type": "object",
        "properties": {**fields["properties"], "image": file, "mask": file},
        "required": [*fields["required"], "image"],
        "additionalProperties": False,
    }


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": _reference(model)}}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


_PICTURES: Final = {
    **_json(Pictures),
    "text/event-stream": {"schema": {"oneOf": [_reference(PartialImage), _reference(Completed)]}},
}
