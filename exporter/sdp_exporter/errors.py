"""What can go wrong for a user of the exporter; each message is one sentence of what is wrong and what to do.

ExportError
├── StoreError
│   ├── StoreRefusedError      the store is missing, refuses access or can't hold the models
│   └── StoreUnavailableError  the store can't be reached or is out of order
├── UnusableWeightsError       the weights are missing, damaged, of another model or must not be read
├── WeightsOutOfReachError     the weights could not be copied from where they are
├── NoScratchFolderError      nothing temporary can be written on this machine
├── DiskFullError              this machine has no room for the SavedModel
├── VersionTakenError          another exporter is writing this version
└── BrokenExportError          the SavedModel that was written does not keep the contract: a defect of the exporter
"""

from typing import ClassVar


class ExportError(Exception):
    """An export did not take place; what had been published before is untouched."""

    may_pass: ClassVar[bool] = False
    """Whether trying again, with nothing else changed, may succeed."""


class StoreError(ExportError):
    """The place that the models go to can't be used."""


class StoreRefusedError(StoreError):
    """It is missing, refuses access or can't hold the models: somebody must mend it."""


class StoreUnavailableError(StoreError):
    """It can't be reached, or is out of order."""

    may_pass = True


class UnusableWeightsError(ExportError):
    """The weights are not there, or not what they should be: somebody must give others."""


class WeightsOutOfReachError(ExportError):
    """The place that the weights are at does not answer, or not to the end."""

    may_pass = True


class NoScratchFolderError(ExportError):
    """No folder for temporary files can be written: somebody must name one."""


class DiskFullError(ExportError):
    """The SavedModel does not fit on this machine's disk: somebody must make room, or name another."""


class VersionTakenError(ExportError):
    """Another exporter has claimed the version; the next one may be free."""

    may_pass = True


class BrokenExportError(ExportError):
    """The written SavedModel's signatures are not the contract's."""
