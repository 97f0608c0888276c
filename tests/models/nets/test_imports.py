"""What a start costs: loading a model imports no compiler."""

import subprocess
import sys


def test_loading_a_model_imports_no_compiler() -> None:
    code = "import sys, ssdiff_models; ssdiff_models.load_checkpoint('bgrn'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert "torch" in modules
    assert "torch._dynamo" not in modules
