"""``python -m ssdiff_cli.demo``: what ``make demo`` shows at its end, the quality and the picture of a fusion."""

from dataclasses import asdict
from typing import Annotated

import typer

from ssdiff_cli import console
from ssdiff_cli.app import ErrorGroup
from ssdiff_cli.options.flags import Ms, Pan

__all__ = ["app", "show"]

app = typer.Typer(cls=ErrorGroup, pretty_exceptions_enable=False)


@app.callback()
def root() -> None:
    """Show what a fusion gained."""


@app.command()
def show(
    pan: Pan,
    ms: Ms,
    fused: Annotated[str, typer.Argument(help="The fusion of both.", show_default=False)],
    *,
    png: Annotated[
        str, typer.Option("--png", help="Picture to write: PAN, MS, result.", show_default=False)
    ],
    truth: Annotated[
        str | None,
        typer.Option("--truth", help="What a perfect fusion would give.", show_default=False),
    ] = None,
) -> None:
    """Print the quality of a fusion against a truth, and draw PAN, MS and result side by side."""
    from ssdiff_cli.jobs.evaluate.report.side_by_side import Comparison, measure, picture

    comparison = Comparison(pan=pan, ms=ms, fused=fused)
    if truth is not None:
        console.result(f"{'':8}{'SAM':>8}{'ERGAS':>8}{'PSNR':>8}")
        for name, quality in measure(comparison, truth).items():
            console.result(
                f"{name:8}" + "".join(f"{value:8.3f}" for value in asdict(quality).values())
            )
    picture(comparison, png)
    console.result(png)


if __name__ == "__main__":
    app(prog_name="python -m ssdiff_cli.demo")
