"""The page of ``ssdiff eval --report``, one HTML file that needs nothing else, and quicklooks."""
