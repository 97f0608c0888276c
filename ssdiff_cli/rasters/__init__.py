"""Rasters: the only room that imports rasterio. A pair of files becomes a `Source`, a file becomes a `Sink`.

with raster_env(), open_pair(pan, ms, options=PairOptions(ratio=4)) as pair:
    with open_sink(output, pair, options=SinkOptions()) as sink:
        for block in blocks:
            sink.write(block, fused, valid)
"""
