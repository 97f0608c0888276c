"""The runs of `benchmarks.same_bytes`: command lines by name."""

from benchmarks.same_bytes_scenes import REAL

__all__ = ["KILLED", "RUNS", "lists"]

KILLED = "killed "
"""Begins a command line that is to be killed half-way."""

METHODS = (
    *(
        "exp",
        "brovey",
        "gs",
        "gsa",
        "bt-h",
        "bdsd",
        "bdsd-pc",
        "mtf-glp",
        "mtf-glp-fs",
        "mtf-glp-hpm",
    ),
    *("mtf-glp-hpm-r", "mtf-glp-hpm-h", "mtf-glp-cbd", "pracs", "awlp"),
)
TILES = "--tile 64 --overlap 16"
BLOCKS = "--co BLOCKXSIZE=64 --co BLOCKYSIZE=64 --co TILED=YES"
TRAIN = (
    "train {qb:,}@qb --valid {qb:,}@qb -o model.safetensors --validate-every 1 --dim 16 --window 8 --patch 8 --batch 2"
    " --decay 1 --set network.time_width=32 --set training.warmup=1 --device cpu --json --steps"
)
CLASSICAL = '{{"pan": "{qb:0}", "ms": "{qb:1}", "out": "METHOD.tif", "method": "METHOD"}}'
BOX = "--bbox=448015,5411900,448080,5411985"
REFUSED = """
{{"pan": "{qb:0}", "ms": "{qb:1}", "out": "1.tif", "method": "nothing"}}
{{"pan": "{qb:0}", "ms": "{qb:1}", "out": "2.tif", "model": "nothing"}}
{{"pan": "{qb:0}", "ms": "{qb:1}", "out": "3.tif", "sensor": "nothing"}}
{{"pan": "{qb:0}", "ms": "missing.tif", "out": "4.tif"}}
{{"pan": "{landsat:0}", "ms": "{landsat:1}", "out": "5.tif", "model": "bgrn"}}
{{"pan": "{qb:0}", "ms": "{landsat:1}", "out": "6.tif"}}
{{"pan": "{qb:0}", "ms": "{qb:1}", "out": "7.tif", "method": "gsa", "steps": 3}}
{{"pan": "{qb:1}", "ms": "{qb:0}", "out": "8.tif"}}
""".strip()
COMMANDS = (
    *("", "sharpen", "eval", "check", "train", "adapt", "simulate", "merge", "batch"),
    *("models", "models list", "models show", "models import"),
)

RUNS: dict[str, tuple[str, ...]] = {
    "simulate": ("simulate . --sensor wv3 --size 64 --seed 4 --json",),
    "models": (
        "models list",
        "models list --json",
        *(f"models show {name} --json" for name in ("bgrn", "wv8", "landsat")),
    ),
    "help": tuple(f"{command} --help" for command in COMMANDS),
    "refusals": (
        "batch ../scenes/refused.jsonl",
        "sharpen {qb} -o out.tif --bbox=0,0,1,1",
        "merge {qb} -o out.tif",
    ),
    "check": (
        "check {qb} --json",
        "check {holes} --json --method gsa --register",
        "check {other-crs}",
        "check {rotated} --json --method exp",
        "check {drifting} --json --method exp --register-local",
    ),
    "dry-run": ("sharpen {qb} -o out.tif --dry-run --json",),
    "classical": ("batch ../scenes/classical.jsonl",),
    "batch": ("batch ../scenes/network.csv --steps 2 --seed 3",),
    "network": (f"sharpen {{qb}} -o out.tif {TILES} --json",),
    "wv8": ("sharpen {wv2} -o out.tif --model wv8 --steps 2 --json",),
    "landsat": ("sharpen {landsat} -o out.tif --model landsat --json",),
    "samples": (
        f"sharpen {{qb}} -o out.tif --steps 3 --samples 2 --uncertainty spread.tif {TILES} --json",
    ),
    "dpmpp": ("sharpen {qb} -o out.tif --steps 3 --sampler dpmpp --seed 5 --json",),
    "cog": (
        f"sharpen {{qb}} -o out.tif -f COG {TILES} --json",
        "sharpen {holes} -o gsa.tif -f COG --method gsa --json",
    ),
    "shards": (
        f"sharpen {{qb}} -o out.tif --shard 1/2 {TILES} {BLOCKS}",
        f"sharpen {{qb}} -o out.tif --shard 2/2 {TILES} {BLOCKS}",
        "merge out.shard1of2.tif out.shard2of2.tif -o out.tif --json",
    ),
    "consistency": (
        "sharpen {qb} -o plain.tif --consistency --json",
        "sharpen {qb} -o sensor.tif --consistency --sensor qb --json",
        "sharpen {uint8} -o none.tif --no-consistency --sensor qb --json",
        "sharpen {holes} -o holes.tif --consistency --sensor qb --json",
    ),
    "sensor": ("sharpen {qb} -o out.tif --sensor qb --json",),
    "other-crs": (
        "sharpen {other-crs} -o out.tif --json",
        "sharpen {other-crs} -o pan.tif --extent pan --method gsa --json",
    ),
    "rotated": (
        "sharpen {rotated} -o out.tif --json",
        "sharpen {pan-rotated} -o pan.tif --method gsa --json",
    ),
    "holes": (
        f"sharpen {{holes}} -o out.tif {TILES} --json",
        "sharpen {holes} -o nan.tif --method bdsd --dtype float32 --nodata nan --json",
    ),
    "gcps": (
        "sharpen {gcps} -o out.tif --json",
        "sharpen {both-gcps} -o both.tif --method mtf-glp-fs --json",
    ),
    "resume": (
        f"{KILLED}sharpen {{qb}} -o out.tif {TILES} {BLOCKS} --steps 4",
        f"sharpen {{qb}} -o out.tif {TILES} {BLOCKS} --steps 4 --json",
    ),
    "register": ("sharpen {shifted} -o out.tif --register --json",),
    "register-local": (
        "sharpen {drifting} -o out.tif --register-local --json",
        "sharpen {large} -o large.tif --register-local --method gsa --json",
    ),
    "window": (
        f"sharpen {{qb}} -o box.tif {BOX} --json",
        "sharpen {qb} -o aoi.tif --aoi ../scenes/aoi.json --json",
        "sharpen {qb} -o like.tif --like box.tif --method exp --json",
    ),
    "bidx": (
        "sharpen {qb} -o out.tif --bidx 3,2,1 --method gsa --json",
        "sharpen {wv2} -o four.tif --bidx 2,3,5,7 --json",
    ),
    "dtype": (
        "sharpen {uint8} -o out.tif --json",
        "sharpen {qb} -o float.tif --dtype float32 --co COMPRESS=ZSTD --json",
    ),
    "adapt": (
        "adapt {large} -o model.safetensors --steps 4 --hqnr-fall 1 --json",
        f"sharpen {{large}} -o out.tif --model model.safetensors {BOX} --json",
    ),
    "train": (f"{TRAIN} 2", f"{TRAIN} 4", "models show model.safetensors --json"),
    "eval-reduced": (
        "eval --reduced-res {large} --methods exp,gsa,ssdiff --sensor qb --csv scores.csv --json",
    ),
    "eval-full": ("eval --full-res {large} --methods exp,bt-h,ssdiff --csv scores.csv",),
    "eval-reference": (
        "sharpen {qb} -o out.tif --method gsa",
        "eval --fused out.tif --reference ../scenes/qb/truth.tif --ratio 4 --csv scores.csv --json",
    ),
    **{
        f"real-{name}": (f"sharpen {{{name}}} -o out.tif --method gsa --sensor {sensor} --json",)
        for name, (_, sensor) in REAL.items()
    },
    "real-network": (
        "sharpen {gaofen2} -o out.tif --sensor gf2 --json",
        "eval --full-res {spot67} --methods exp,gsa --json",
    ),
}
"""A name in braces is a scene of `benchmarks.same_bytes_scenes`.

``{qb}`` is its PAN and MS, ``{qb:0}`` or ``{qb:1}`` one of them, ``{qb:,}`` both with a comma between.
"""


def lists() -> dict[str, str]:
    """Returns the lists of the ``batch`` runs by file name, with scenes in braces."""
    classical = "\n".join(CLASSICAL.replace("METHOD", method) for method in METHODS)
    network = "pan,ms,out\n{qb:,},one.tif\nmissing.tif,{qb:1},two.tif\n{wv2:,},three.tif"
    return {"classical.jsonl": classical, "refused.jsonl": REFUSED, "network.csv": network}
