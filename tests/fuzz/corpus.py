"""Inputs that once ended as a bug, hung, or took all memory."""

from collections.abc import Mapping

__all__ = ["CORPUS"]

DEEP = b"[" * 100_000
DIGITS = b"1" + b"0" * 400
LONG = b"1" + b"0" * 5000
BAND = b'{"mean": %s, "std": 1, "minimum": 0, "maximum": 1}'

CORPUS: Mapping[str, tuple[bytes, ...]] = {
    "wkt": (
        b"POLYGON((0 0,1e308 0,1e308 1e308,0 0))",
        b"POLYGON((0 0,nan 0,1 1,0 0))",
        b"GEOMETRYCOLLECTION(" * 50_000,
        b"SRID=" + LONG + b";POLYGON((0 0,1 0,1 1,0 0))",
        b"01" * 40_000,
    ),
    "geojson": (
        b'{"type":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"type":"Polygon","coordinates":[[[0,0],[1e400,0],[1,1],[0,0]]]}',
        b'{"type":"FeatureCollection","features":[3]}',
        b'{"type":"Polygon","crs":3,"coordinates":[]}',
    ),
    "csv list": (b"pan,ms,out\n" + b"x" * 200_000 + b",b,c\n", b"pan,ms,out\n\xff,b,c\n"),
    "json list": (
        b'{"pan":' + DEEP,
        b'{"pan":"p\\ud800.tif","ms":"m","out":"o"}',
        b'{"pan":"p","ms":"m","out":"o\\u0000"}',
        b'{"pan":"p","ms":"m","out":"o","seed":' + LONG + b"}",
        b'{"pan":"p","ms":"m","out":"' + b"x" * 5000 + b'"}',
    ),
    "statistics": (
        DEEP,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"pan": ' + BAND % DIGITS + b', "ms": []}',
        b'{"pan": ' + BAND % b"NaN" + b', "ms": []}',
    ),
    "index": (
        DEEP,
        b'{"pairs":[{"path":"x","split":"t","sensor":"q","ratio":1e400,"bands":[]}]}',
        b'{"pairs":[{"path":"x\\u0000","split":"t","sensor":"q","ratio":4,"bands":3}]}',
        b'{"pairs":["x"]}',
    ),
    "settings": (
        b"[training]\nseed = " + b"[" * 5000 + b"]" * 5000,
        b"[training]\nlearning_rate = " + DIGITS,
        b"[training]\nseed = " + LONG,
        b"[training]\nlearning_rate = 1e300",
        b"[training]\nseed = 1180591620717411303424",
        b"[training]\nsteps = 9223372036854775807\n[network]\ndim = 1073741824",
    ),
    "log": (b"\xff\xfestep,loss\n", b"step\n" + b"x" * 200_000, b"step,loss\n1,2,3,4\n"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + b"\0" * 500),
    "matlab": (b"MATLAB 5.0 MAT-file" + b"\xff" * 200,),
}
"""By reader."""
