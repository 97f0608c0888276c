"""The science of ssdiff: tensors in, tensors out."""

__version__ = "0.1.0"
