"""What the commands do, on named datasets: no typer, no printing."""
