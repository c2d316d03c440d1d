"""The words of the station: frames, results, recipes, plug-ins, errors; no OpenCV, no HTTP."""
