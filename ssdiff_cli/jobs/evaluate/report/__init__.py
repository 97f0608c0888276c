"""The page of ``ssdiff eval --report``: one HTML file that needs nothing else."""

from ssdiff_cli.jobs.evaluate.report.page import render_report

__all__ = ["render_report"]
