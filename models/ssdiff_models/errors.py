"""The errors users meet; each carries the exit code of the command that raises it."""

__all__ = [
    "InputError",
    "ModelError",
    "ResourceError",
    "SsdiffError",
    "ThresholdError",
    "UsageError",
]


class SsdiffError(Exception):
    """Root of the errors for users: one line that names the file, the fault and the remedy."""

    exit_code = 1


class UsageError(SsdiffError, ValueError):
    """An option or argument that cannot be used as given."""

    exit_code = 2


class InputError(SsdiffError, ValueError):
    """Input data (rasters, datasets, arrays) that cannot be used."""

    exit_code = 3


class ModelError(SsdiffError, ValueError):
    """A model or checkpoint that cannot be used."""

    exit_code = 4


class ResourceError(SsdiffError, RuntimeError):
    """Memory, disk or device that does not suffice."""

    exit_code = 5


class ThresholdError(SsdiffError):
    """A quality threshold (``eval --fail-if``) that was missed."""

    exit_code = 6
