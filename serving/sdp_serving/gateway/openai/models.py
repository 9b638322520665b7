"""The pipeline as OpenAI lists models."""

from aiohttp import web

from sdp_serving.gateway.openai.answers import Model, Models
from sdp_serving.gateway.routes_file import RoutesFile
from sdp_serving.gateway.state import pipeline_name


class ModelsApi:
    """Answers questions for models."""

    def __init__(self, routes: RoutesFile, *, started: int) -> None:
        """Give it its parts.

        Args:
            routes: what the operator tells.
            started: when this gateway did, in seconds since the epoch.
        """
        self._routes = routes
        self._started = started

    async def listed(self, _: web.Request) -> web.StreamResponse:
        """GET /v1/models."""
        content = Models(data=[self._model])
        return web.Response(text=content.model_dump_json(), content_type="application/json")

    def find(self, name: str) -> web.Response | None:
        """The answer to GET /v1/models/NAME; None when that is not the pipeline."""
        if name != self._model.id:
            return None
        return web.Response(text=self._model.model_dump_json(), content_type="application/json")

    @property
    def _model(self) -> Model:
        return Model(id=pipeline_name(self._routes.routes), created=self._started)
