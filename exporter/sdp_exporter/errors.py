"""What can go wrong for a user of the exporter; each message is one sentence of what is wrong and what to do.

ExportError
├── StoreError         the store cannot be read or written
├── VersionTakenError  another exporter is writing this version
└── BrokenExportError  the SavedModel that was written does not keep the contract: a defect of the exporter
"""


class ExportError(Exception):
    """An export did not take place; what had been published before is untouched."""


class StoreError(ExportError):
    """The place that the models go to is missing, refuses access or cannot be reached."""


class VersionTakenError(ExportError):
    """Another exporter has claimed the version; the next one may be free."""


class BrokenExportError(ExportError):
    """The written SavedModel's signatures are not the contract's."""
