"""The lengthy steps: looking into storage, fetching, and trying a loaded model with a golden request."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from sdp_serving.contract.artifact import ModelUri, UnusableUriError
from sdp_serving.contract.report import NotPulled, Pulled, PullFailure
from sdp_serving.contract.swap import ModelNumber, NumberedModel
from sdp_serving.puller.actions import Bring, Inspect, Prove
from sdp_serving.puller.bring import bring
from sdp_serving.puller.cache import Cache
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.golden import fault, golden_request
from sdp_serving.puller.inspection import inspect
from sdp_serving.puller.job import Done, GivenUpError, Job, Outcome, Trouble
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.model_server import ModelServer, RefusedError, SilentError
from sdp_serving.puller.models_folder import ModelsFolder
from sdp_serving.puller.progress import Say
from sdp_serving.puller.storage import Storage

_ANSWER_SECONDS: Final = 600.0
"""For the first request to a model, which may have to be compiled; the server's own limit is mostly shorter."""

_BUSY: Final = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
"""What a server may answer to a good model's golden request: it is busy, or just then lets the model go."""


@dataclass(frozen=True)
class Steps:
    """What the steps need."""

    wanted: Wanted
    storage: Callable[[ModelUri], Storage]
    cache: Cache | None
    folder: ModelsFolder
    server: ModelServer
    say: Say

    def run(self, job: Job) -> Outcome:
        """Do a job's step, whatever comes of it."""
        try:
            match job.action:
                case Inspect(model):
                    return Done(self._inspect(model))
                case Bring(model):
                    return Done(self._bring(model, job))
                case Prove(number):
                    return self._prove(number)
        except GivenUpError:
            raise
        except UnusableUriError as error:
            return _trouble(PullFailure.UNUSABLE_URI, str(error))
        except PullError as error:
            return _trouble(error.reason, str(error))
        except Exception as error:  # noqa: BLE001 - the model that answers must not suffer by what another one brings
            self.say("".join(traceback.format_exception(error)))
            return _trouble(PullFailure.STORAGE_UNAVAILABLE, f"this step failed ({error!r}): report this as a fault")

    def _inspect(self, model: NumberedModel) -> Pulled:
        uri = ModelUri.parse(model.uri)
        return inspect(self.storage(uri), uri, self.wanted).pulled()

    def _bring(self, model: NumberedModel, job: Job) -> Pulled:
        uri = ModelUri.parse(model.uri)
        storage = self.storage(uri)
        found = inspect(storage, uri, self.wanted)
        job.verified = found.pulled()
        into = self.folder.partial(model.number)
        return bring(storage, found, into, cache=self.cache, say=self.say, progress=job.advance)

    def _prove(self, number: ModelNumber) -> Outcome:
        model = self.folder.look().models[number].model
        try:
            request = golden_request(model, self.server.signatures(number), batching=self.wanted.batching)
            answer = self.server.predict(number, request.signature, request.inputs, timeout=_ANSWER_SECONDS)
        except SilentError as error:
            return _unproven(f"{model.uri} was not answered for ({error}): read the model server's log", may_pass=True)
        except RefusedError as error:
            return _unproven(
                f"{model.uri} answers a known request with the error {str(error)!r}: export the model again",
                may_pass=error.status in _BUSY,
            )
        if found := fault(request, answer):
            return _unproven(f"{model.uri} answers a known request with nonsense, {found}: export the model again")
        self.folder.prove(number)
        return Done()


def _trouble(reason: PullFailure, message: str) -> Trouble:
    return Trouble(NotPulled(reason=reason, message=message), reason.may_pass)


def _unproven(message: str, *, may_pass: bool = False) -> Trouble:
    return Trouble(NotPulled(reason=PullFailure.GOLDEN_REQUEST_FAILED, message=message), may_pass)
