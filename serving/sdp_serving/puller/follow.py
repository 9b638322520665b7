"""The sidecar's loop: sees what is wanted and what there is, and does the next step, again and again.

All that must outlast it lies in the folder of the models, so it may be killed at any point and started again.
"""

import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final, NoReturn

from sdp_serving.contract.report import NotPulled, Pulled, PullFailure
from sdp_serving.contract.swap import ModelNumber, PodModels, ReplicaReport
from sdp_serving.puller.actions import (
    Bring,
    Copy,
    Fail,
    Inspect,
    Keep,
    Lay,
    Lengthy,
    Prove,
    Quick,
    Remove,
    Withdraw,
)
from sdp_serving.puller.decision import decide
from sdp_serving.puller.desired import read_desired
from sdp_serving.puller.errors import PullError
from sdp_serving.puller.job import Done, Job, Trouble
from sdp_serving.puller.memory import Memory
from sdp_serving.puller.model_server import ModelServer, SilentError, Statuses
from sdp_serving.puller.models_folder import ModelsFolder, OnDisk
from sdp_serving.puller.report_server import Board
from sdp_serving.puller.reporting import answering, candidate_report, trouble_of_serving
from sdp_serving.puller.steps import Steps

_LOOK_SECONDS: Final = 0.5


class Follower:
    """Brings about what is wanted in one pod."""

    def __init__(self, rollout: str, desired: Path, steps: Steps, board: Board) -> None:
        """Begin; nothing is done yet.

        Args:
            rollout: the pod's.
            desired: the operator's file.
            steps: the lengthy steps, and what they need.
            board: where the report is shown.
        """
        self._rollout = rollout
        self._file = desired
        self._steps = steps
        self._board = board
        self._folder: ModelsFolder = steps.folder
        self._server: ModelServer = steps.server
        self._desired: PodModels | None = None
        self._statuses: Statuses | None = {}
        self._models: dict[ModelNumber, Pulled] = {}
        self._memory = Memory()
        self._jobs: dict[ModelNumber, Job] = {}
        self._ready = False
        self._said: str | None = None
        self._wake = threading.Event()

    def run(self) -> NoReturn:
        """Follow what is wanted, for ever."""
        while True:
            self._wake.clear()
            self.look()
            self._wake.wait(_LOOK_SECONDS)

    def look(self) -> None:
        """See what is wanted and what there is, do what can be done at once, begin what takes its time, and report."""
        self._read()
        if self._desired is None:
            return
        self._collect(self._desired)
        self._statuses = self._asked()
        last: Quick | None = None
        while True:
            disk = self._folder.look()
            self._memory.see(disk.models.keys(), time.monotonic())
            action = decide(self._desired, disk, self._statuses, self._memory.known(time.monotonic()))
            if not isinstance(action, Quick) or action == last:
                break
            try:
                self._do(action)
            except OSError as error:
                self._hinder(action, error)
                break
            last = action
        self._begin(() if isinstance(action, Quick) else action)
        self._show(self._desired, disk)

    def _read(self) -> None:
        try:
            desired = read_desired(self._file, self._rollout)
        except PullError as error:
            # What was wanted last goes on being: an operator that errs must not take a model away.
            self._complain(str(error))
            if self._desired is None:
                trouble = NotPulled(reason=error.reason, message=str(error))
                component = self._steps.wanted.component
                self._board.show(
                    ReplicaReport(component=component, rollout=self._rollout, trouble=trouble), ready=False
                )
            return
        if desired == self._desired:
            return
        self._desired = desired
        self._steps.say(f"wanted: {_words(desired)}")
        numbers = {desired.serving.number, desired.candidate.number if desired.candidate else desired.serving.number}
        self._memory.forget_all_but(numbers)
        for number in self._jobs.keys() - numbers:
            self._give_up(number)

    def _asked(self) -> Statuses | None:
        try:
            statuses = self._server.statuses()
        except SilentError as error:
            # It may be too busy to say; what it said last is more likely still so than not.
            self._complain(f"the model server is silent: {error}")
            return self._statuses
        if statuses != self._statuses:
            self._steps.say(f"the model server: {_told(statuses)}")
        return statuses

    def _collect(self, desired: PodModels) -> None:
        """Take the outcomes of the jobs that have come to one."""
        now = time.monotonic()
        for number, job in list(self._jobs.items()):
            if job.outcome is None:
                continue
            del self._jobs[number]
            match job.outcome:
                case Done(found) if found is not None:
                    self._memory.verify(number, found)
                    self._steps.say(f"{number}: {_done(job.action)} {found.uri} ({found.weights})")
                case Done():
                    self._memory.prove(number)
                    self._steps.say(f"{number}: proven by a golden request")
                case Trouble(what, may_pass):
                    waiting = self._memory.wait(number, what, now) if may_pass else None
                    # The one that serves may do so well that it is too busy.
                    if waiting is None or (waiting.is_lasting and number != desired.serving.number):
                        self._fail(number, what)
                    else:
                        self._steps.say(f"{number}: {what.message}; again in {waiting.due - now:.0f} s")

    def _fail(self, number: ModelNumber, trouble: NotPulled) -> None:
        self._memory.fail(number, trouble)
        self._steps.say(f"{number}: {trouble.reason}: {trouble.message}")

    def _do(self, action: Quick) -> None:
        match action:
            case Remove(name):
                self._folder.remove(name)
                self._steps.say(f"{name}: removed")
            case Keep(number):
                self._folder.keep(number)
                self._steps.say(f"{number}: kept as the previous one")
            case Withdraw(number):
                self._folder.withdraw(number)
                self._memory.crash(number, time.monotonic())
                self._steps.say(f"{number}: withdrawn, for the model server has ended")
            case Copy(source, number):
                self._folder.copy(source, number)
                self._steps.say(f"{number}: brought in from {source}")
            case Lay(number):
                self._folder.lay(number)
                self._memory.lay(number, (self._statuses or {}).get(number), time.monotonic())
                self._steps.say(f"{number}: laid where the model server looks")
            case Fail(number, trouble):
                self._fail(number, trouble)

    def _hinder(self, action: Quick, error: OSError) -> None:
        """Note that the volume does not let a step be done; it is tried again at the next look."""
        complaint = f"the pod's volume for models does not let it change ({error}): make it writable"
        self._complain(complaint)
        # What goes may still be written to for a moment, by a step that was given up.
        if not isinstance(action, Remove | Fail):
            trouble = NotPulled(reason=PullFailure.STORAGE_UNAVAILABLE, message=complaint)
            self._memory.wait(action.number, trouble, time.monotonic())

    def _begin(self, wanted: Collection[Lengthy]) -> None:
        """Let the jobs be those of these steps, of which each is another model's."""
        for number, job in list(self._jobs.items()):
            if job.action not in wanted:
                self._give_up(number)
        for action in wanted:
            number = _number(action)
            if number not in self._jobs:
                self._steps.say(f"{number}: {_doing(action)}")
                self._jobs[number] = Job(action, self._steps.run, self._wake.set)

    def _give_up(self, number: ModelNumber) -> None:
        job = self._jobs.pop(number)
        job.give_up()
        self._steps.say(f"{number}: given up {_doing(job.action)}")

    def _show(self, desired: PodModels, disk: OnDisk) -> None:
        # The server still has a model for a while after its folder has gone.
        self._models = {number: model for number, model in self._models.items() if number in (self._statuses or {})}
        self._models |= {number: laid.model for number, laid in disk.models.items()}
        serving = answering(self._statuses)
        self._ready = self._ready or serving in disk.proven
        report = ReplicaReport(
            component=self._steps.wanted.component,
            rollout=self._rollout,
            serving=serving,
            model=None if serving is None else self._models.get(serving),
            trouble=trouble_of_serving(desired, disk, self._memory),
            candidate=candidate_report(desired, disk, self._statuses, self._memory, self._jobs),
        )
        self._board.show(report, ready=self._ready)

    def _complain(self, complaint: str) -> None:
        """Say what would be said at each look only when it is new."""
        if complaint != self._said:
            self._said = complaint
            self._steps.say(complaint)


def _number(action: Lengthy) -> ModelNumber:
    return action.number if isinstance(action, Prove) else action.model.number


def _doing(action: Lengthy) -> str:
    match action:
        case Inspect(model):
            return f"verifying {model.uri} in its storage"
        case Bring(model):
            return f"bringing in {model.uri}"
        case Prove():
            return "proving it by a golden request"


def _done(action: Lengthy) -> str:
    return "verified" if isinstance(action, Inspect) else "brought in"


def _words(desired: PodModels) -> str:
    words = f"{desired.serving.number} ({desired.serving.uri}) to serve"
    if desired.candidate is not None:
        words += f", {desired.candidate.number} ({desired.candidate.uri}) to follow, step {desired.candidate.step}"
    return words if desired.previous is None else f"{words}, {desired.previous.number} to go back to"


def _told(statuses: Statuses | None) -> str:
    if statuses is None:
        return "down"
    return ", ".join(f"{number} {status.state}" for number, status in sorted(statuses.items())) or "no models yet"
