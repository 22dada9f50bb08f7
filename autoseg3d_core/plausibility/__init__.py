"""Do the first frames of a recording look as frames with the right units, axes and calibration do?"""
