"""Methods under evaluation, on arrays and on whole scenes."""
