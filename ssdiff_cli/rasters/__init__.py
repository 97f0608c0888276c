"""Rasters: the only package that imports rasterio; two files as a `Source`, one as a `Sink`.

with raster_env(), open_pair(pan, ms, options=PairOptions(ratio=4)) as pair:
    with open_sinks({output: SinkOptions()}, pair) as (sink,):
        for block in blocks:
            sink.write(block, fused, valid)
"""
