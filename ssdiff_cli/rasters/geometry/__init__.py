"""Where pixels lie: georeference, maps between grids, heights, areas of interest."""
