"""Images that give the MS back through the sensor's MTF."""
