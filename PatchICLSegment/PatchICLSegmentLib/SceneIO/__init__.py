"""Between MRML and numpy: volumes, segments, painted slices and slice views. Arrays are K, J, I; positions RAS in mm."""
