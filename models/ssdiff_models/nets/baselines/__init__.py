"""The deep networks that the paper compares SSDiff with, one a file."""
